//! `ae-server`: the reference server as a program. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    aelab_server::main_with_args(&args)
}
