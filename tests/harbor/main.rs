//! Harbor itself under `tbengine guard`: its trials, on a private daemon, with Docker Compose and BuildKit. Whatever
//! becomes of Harbor, the guard or its reaper, nothing of a trial is left, and a neighbour keeps everything.
//!
//! Harbor needs Python 3.12 and some 500 MB of packages. These tests run with `TESTS_HARBOR=1` where both can be had, and are
//! left out otherwise, which they say.
//!
//! - `world`: the daemon, the task and a neighbour
//! - `ends`: how Harbor may end
//! - `killed`: `kill -9` of Harbor, the guard and its reaper

mod ends;
mod killed;
mod world;
