//! A guest that looks at the world through WASI, for the tests of the host.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is part of the world"
)]

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::{Instant, SystemTime};

use tbengine_policy::params::describe;
use tbengine_policy::prelude::*;

struct Worldly {
    looks: String,
}

impl Policy for Worldly {
    fn describe() -> Description {
        describe("worldly", "0.1.0", "Looks at the world.", Judging::All).required_param(
            "looks",
            ParamType::Text,
            "What to look at.",
        )
    }

    fn configure(params: &Params) -> Result<Self, ParamError> {
        Ok(Self {
            looks: params.required("looks")?,
        })
    }

    fn decide(&self, _context: &Context, _resources: &[Resource]) -> Result<Vec<Verdict>, String> {
        match self.looks.as_str() {
            // All that it can find, as a text.
            "around" => Err(format!(
                "time {:?}, vars {:?}, args {:?}, file {}, dir {}, socket {}",
                SystemTime::now().duration_since(SystemTime::UNIX_EPOCH),
                std::env::vars().collect::<Vec<_>>(),
                std::env::args().collect::<Vec<_>>(),
                std::fs::read("/etc/passwd").is_ok(),
                std::fs::read_dir(".").is_ok(),
                std::net::TcpStream::connect("127.0.0.1:80").is_ok(),
            )),
            "chance" | "other-chance" => Err(format!(
                "{} {}",
                RandomState::new().hash_one(1),
                RandomState::new().hash_one(2)
            )),
            "clock" => {
                let started = Instant::now();
                std::thread::sleep(Duration::from_secs(3600));
                Err(format!("slept {}", started.elapsed().as_secs()))
            }
            "exit" => std::process::exit(7),
            "panic" => panic!("into the void"),
            "flood" => {
                for _ in 0..100_000 {
                    eprintln!("a line of sixty bytes, a line of sixty bytes, a line of sixty");
                }
                println!("never seen");
                Err("flooded".to_owned())
            }
            other => Err(format!("cannot look at {other}")),
        }
    }
}

tbengine_policy::export!(Worldly);
