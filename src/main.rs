//! The command line: serve, init, check, explain, rules.

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
