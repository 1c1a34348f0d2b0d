//! The program that users start by hand.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::Caller;

const PROGRAM: &str = env!("CARGO_BIN_EXE_fake-daytona");

#[tokio::test]
async fn it_prints_what_to_export_serves_and_ends_at_ctrl_c() {
    let mut program = Command::new(PROGRAM)
        .args(["--sandboxes", "12"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let mut value = |name: &str| {
        let line = lines.next().unwrap().unwrap();
        let value = line.strip_prefix(&format!("export {name}="));
        value
            .unwrap_or_else(|| panic!("`{line}` exports no {name}"))
            .to_owned()
    };
    let url = value("DAYTONA_API_URL");
    let caller = Caller::at(&url).key(&value("DAYTONA_API_KEY"));
    let listed = caller.get("/sandbox").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 12);
    kill_process(Pid::from_child(&program), Signal::INT).unwrap();
    assert!(program.wait().unwrap().success());
}

#[test]
fn help_has_examples() {
    // As wide as it is where nobody says how wide a line may be.
    let mut program = Command::new(PROGRAM);
    let output = program.env_clear().arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(
        help.contains("Examples:") && help.contains("fake-daytona --sandboxes 200"),
        "{help}"
    );
}
