//! The command line: serve, init, check, explain, rules, spool, health.

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
