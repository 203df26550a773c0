//! What is typed, and what is answered.
//!
//! Each command has a file. Exit codes: 0 done; 1 a check found something wrong; 2 wrong use or
//! wrong settings; 3 a port or the data directory cannot be had.

mod check;
mod explain;
mod init;

use clap::{Args, Parser, Subcommand, ValueEnum};
use cspipe::app::{self, AppError};
use cspipe::settings::{self, Flags, Log, Settings};
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Takes the violation reports that browsers send under a Content Security Policy, makes sense of
/// them, filters the noise for stated reasons, and stores what is left.
#[derive(Debug, Parser)]
#[command(name = "cspipe", version = version(), after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Takes reports until told to stop.
    ///
    /// With nothing configured it listens on 127.0.0.1:8080, stores in data/cspipe.db and filters
    /// by the built-in rules. Send SIGHUP to reload the rules, SIGTERM to stop.
    Serve(ServeArgs),
    /// Writes config/ and filters/ for editing.
    ///
    /// Nothing that exists is overwritten.
    Init(init::InitArgs),
    /// Checks settings and rules, and runs every example of every rule.
    ///
    /// Exits with 1 when a rule is wrong, with 2 when a setting is.
    Check(check::CheckArgs),
    /// Shows what becomes of one raw report, stage by stage.
    ///
    /// Reads a request body from a file or from standard input.
    Explain(explain::ExplainArgs),
}

/// What every command that needs settings takes.
#[derive(Debug, Args)]
struct SettingsArgs {
    /// Settings file [default: config/cspipe.toml when it exists]
    #[arg(long, value_name = "FILE", env = "CSPIPE_CONFIG")]
    config: Option<PathBuf>,
    /// Folder of rule files [default: filters when it exists, else the built-in rules]
    #[arg(long, value_name = "DIR", env = "CSPIPE_FILTERS")]
    filters: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Public address, for browsers [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", env = "CSPIPE_LISTEN")]
    listen: Option<SocketAddr>,
    /// Private address, for health, metrics and the demo [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR", env = "CSPIPE_PRIVATE")]
    private: Option<SocketAddr>,
    /// Data directory [default: data]
    #[arg(long, value_name = "DIR", env = "CSPIPE_DATA")]
    data: Option<PathBuf>,
}

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Runs what was asked for.
pub fn run() -> ExitCode {
    let Cli { command } = Cli::parse();
    match command {
        Command::Serve(arguments) => serve(arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
    }
}

fn serve(arguments: ServeArgs) -> ExitCode {
    let ServeArgs { settings, listen, private, data } = arguments;
    let flags = Flags { config: settings.config, filters: settings.filters, listen, private, data };
    let settings = match settings::load(&flags) {
        Ok(settings) => settings,
        Err(error) => return wrong(&error),
    };
    start_log(settings.log);
    match app::serve(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(AppError::Unavailable(message)) => {
            eprintln!("cspipe: {message}");
            ExitCode::from(3)
        }
        Err(error) => wrong(&error),
    }
}

impl SettingsArgs {
    fn load(&self) -> Result<Settings, settings::SettingsError> {
        settings::load(&Flags {
            config: self.config.clone(),
            filters: self.filters.clone(),
            ..Flags::default()
        })
    }
}

/// Says what is wrong with settings or use.
fn wrong(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("cspipe: {error}");
    ExitCode::from(2)
}

/// Log lines go to standard error; `RUST_LOG` chooses among them.
fn start_log(log: Log) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Colours are for eyes; a file or a collector wants plain text.
        .with_ansi(std::io::stderr().is_terminal())
        // A log that cannot be written must not end the thread that wanted to.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    match log {
        Log::Text => lines.with_target(false).init(),
        Log::Json => lines.json().flatten_event(true).init(),
    }
}

const fn version() -> &'static str {
    concat!(env!("CARGO_PKG_VERSION"), " (", env!("CSPIPE_REVISION"), ")")
}

const EXAMPLES: &str = "\
Examples:
  cspipe serve                                  take reports on http://127.0.0.1:8080/csp
  cspipe init                                   write config/ and filters/ for editing
  cspipe check                                  prove settings and rules
  cspipe explain report.json --path /csp/shop   what becomes of this report, and why
  sqlite3 data/cspipe.db 'SELECT timestamp, app_name, classification, blocked_uri FROM clean'";
