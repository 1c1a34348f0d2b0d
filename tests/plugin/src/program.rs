//! The same backends as a program that implements the protocol on standard input and output.

use tbengine_plugin_tests as _;

fn main() -> std::process::ExitCode {
    tbengine_sdk::serve::main()
}
