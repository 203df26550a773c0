//! What is typed, and what is answered.
//!
//! Each command has a file. Exit codes: 0 done; 1 a check found something wrong; 2 wrong use or
//! wrong settings; 3 a port or the data directory cannot be had.

mod check;
mod explain;
mod health;
mod index;
mod init;
mod progress;
mod rules;
mod since;
mod spool;

use clap::{Args, Parser, Subcommand, ValueEnum};
use cspipe::app::{self, AppError};
use cspipe::filter::RuleSet;
use cspipe::pipeline::Stages;
use cspipe::reload;
use cspipe::replay::{self, Hits, Replayed, Seen};
use cspipe::settings::{self, Flags, Log, Settings};
use cspipe::store::{ReadError, Reader};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use progress::Progress;
use since::Since;
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
    /// Reads a request body from a file or from standard input; with --id a record from the store.
    Explain(explain::ExplainArgs),
    /// Tries a rule on what is stored, or shows what it does.
    #[command(subcommand)]
    Rules(rules::RulesCommand),
    /// Takes records from Kafka to Elasticsearch or OpenSearch until told to stop.
    ///
    /// Several with the same settings share the work. What is killed or away meanwhile loses no
    /// record. With --setup it installs the templates and ends.
    Index(index::IndexArgs),
    /// Shows and exports what waits for Kafka.
    ///
    /// Without a command it shows how much there is. Works beside a running edge, and changes
    /// nothing.
    Spool(spool::SpoolArgs),
    /// Asks a running edge or indexer whether it can do its work.
    ///
    /// Exits with 0 when it can, with 1 when it cannot or does not answer: what a container's
    /// health check wants to know.
    Health(health::HealthArgs),
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

/// What every command takes that reads the store as well.
#[derive(Debug, Args)]
struct StoreArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Data directory [default: data]
    #[arg(long, value_name = "DIR", env = "CSPIPE_DATA")]
    data: Option<PathBuf>,
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
    /// Kafka's brokers, HOST:PORT with commas between [default: none, stores on this machine]
    #[arg(long, value_name = "BROKERS", env = "CSPIPE_KAFKA")]
    kafka: Option<String>,
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
        Command::Rules(command) => rules::run(&command),
        Command::Index(arguments) => index::run(arguments),
        Command::Spool(arguments) => spool::run(arguments),
        Command::Health(arguments) => health::run(arguments),
    }
}

fn serve(arguments: ServeArgs) -> ExitCode {
    let ServeArgs { settings, listen, private, data, kafka } = arguments;
    let SettingsArgs { config, filters } = settings;
    let flags = Flags { config, filters, listen, private, data, kafka, ..Flags::default() };
    let settings = match settings::load(&flags) {
        Ok(settings) => settings,
        Err(error) => return wrong(&error),
    };
    start_log(settings.log);
    match app::serve(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(AppError::Unavailable(message)) => unavailable(&message),
        Err(error) => wrong(&error),
    }
}

impl StoreArgs {
    fn load(&self) -> Result<Settings, settings::SettingsError> {
        settings::load(&Flags {
            config: self.settings.config.clone(),
            filters: self.settings.filters.clone(),
            data: self.data.clone(),
            ..Flags::default()
        })
    }
}

/// What the stages and the rules are, as `serve` would have them.
struct Ground {
    settings: Settings,
    stages: Stages,
    rules: RuleSet,
}

impl Ground {
    /// Loads everything, or says what is wrong and with which code to end.
    fn load(arguments: &StoreArgs) -> Result<Self, ExitCode> {
        let settings = arguments.load().map_err(|error| wrong(&error))?;
        let stages = app::stages(&settings).map_err(|error| wrong(&error))?;
        let rules = reload::load(settings.filters_folder().as_deref(), &stages)
            .map_err(|error| wrong(&error.told()))?;
        Ok(Self { settings, stages, rules })
    }

    /// Opens the store for reading.
    fn store(&self) -> Result<Reader, ExitCode> {
        Reader::open(&self.settings.data.0).map_err(|error| unavailable(&error))
    }

    /// Shows every stored violation of a time, and a bar when that takes a while.
    fn replay(
        &self,
        reader: &Reader,
        since: &Since,
        see: impl FnMut(&Replayed<'_>),
    ) -> Result<Seen, ReadError> {
        let mut progress = Progress::begin("records");
        let since = since.before(Timestamp::now());
        let show = |done, all| progress.show(done, all);
        replay::replay(reader, since, &self.stages, show, see)
    }

    /// Counts what the rules match in the store.
    fn hits(&self, reader: &Reader, since: &Since) -> Result<(Seen, Hits), ReadError> {
        let mut hits = Hits::new(&self.rules);
        let seen = self.replay(reader, since, |replayed| hits.add(&self.rules, replayed))?;
        Ok((seen, hits))
    }
}

/// Today, as rules and their dates see it.
fn today() -> Date {
    TimeZone::UTC.to_datetime(Timestamp::now()).date()
}

fn print_json(value: &serde_json::Value) {
    println!("{value:#}");
}

/// Says that a port or the data directory cannot be had.
fn unavailable(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("cspipe: {error}");
    ExitCode::from(3)
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
  cspipe rules try site.toml --since 7d         what a changed rule file would move
  cspipe rules why crawler-traffic              a rule, its examples, its hits by day
  cspipe index --elasticsearch URL --kafka BROKERS   from Kafka to Elasticsearch
  cspipe spool                                  what waits for Kafka on this machine
  sqlite3 data/cspipe.db 'SELECT timestamp, app_name, classification, blocked_uri FROM clean'";
