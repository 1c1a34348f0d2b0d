//! Harbor itself under `tbengine guard`: its trials, on a private daemon, with Docker Compose and BuildKit. Whatever
//! becomes of Harbor, the guard or its reaper, nothing of a trial is left, and a neighbour keeps everything.
//!
//! Harbor needs a Python of its own kind and some 500 MB of packages. Where they cannot be installed, these tests are
//! left out, and say so.
//!
//! - `world`: the daemon, the task and a neighbour
//! - `ends`: how Harbor may end
//! - `killed`: `kill -9` of Harbor, the guard and its reaper

mod ends;
mod killed;
mod world;
