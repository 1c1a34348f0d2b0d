//! Whose a resource is: the rules that are built in, what a configuration adds, and how both are evaluated.

mod configured;
mod embedded;
mod judged;
mod support;
