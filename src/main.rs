//! The command line: serve, init, check, explain.

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
