//! `cspipe index`: from Kafka to Elasticsearch or OpenSearch.

use super::{start_log, unavailable, wrong};
use clap::Args;
use cspipe::app::{self, AppError};
use cspipe::index::{SetupError, set_up};
use cspipe::settings::{self, Flags};
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Args)]
pub struct IndexArgs {
    /// Settings file [default: config/cspipe.toml when it exists]
    #[arg(long, value_name = "FILE", env = "CSPIPE_CONFIG")]
    config: Option<PathBuf>,
    /// Kafka's brokers, HOST:PORT with commas between
    #[arg(long, value_name = "BROKERS", env = "CSPIPE_KAFKA")]
    kafka: Option<String>,
    /// Elasticsearch or OpenSearch, http://HOST:PORT, several with commas between
    #[arg(long, value_name = "URL", env = "CSPIPE_ELASTICSEARCH")]
    elasticsearch: Option<String>,
    /// Private address, for health and metrics [default: 127.0.0.1:8082]
    #[arg(long, value_name = "ADDR", env = "CSPIPE_INDEX_PRIVATE")]
    private: Option<SocketAddr>,
    /// Installs templates and data streams, and ends
    #[arg(long)]
    setup: bool,
    /// With --setup: for how long a server is waited for that is not up yet
    #[arg(long, value_name = "SECONDS", default_value = "60", requires = "setup")]
    wait: u64,
}

pub fn run(arguments: IndexArgs) -> ExitCode {
    let IndexArgs { config, kafka, elasticsearch, private, setup, wait } = arguments;
    let flags = Flags { config, kafka, elasticsearch, index_private: private, ..Flags::default() };
    let settings = match settings::load(&flags) {
        Ok(settings) => settings,
        Err(error) => return wrong(&error),
    };
    start_log(settings.log);
    if setup {
        // Whoever reads it may have gone.
        let tell = |line: &str| drop(writeln!(std::io::stdout(), "{line}"));
        return match set_up(&settings.index, Duration::from_secs(wait), tell) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error @ (SetupError::Setting(_) | SetupError::Refused { .. })) => wrong(&error),
            Err(error @ (SetupError::Unavailable(_) | SetupError::Runtime(_))) => {
                unavailable(&error)
            }
        };
    }
    match app::index(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(AppError::Unavailable(message)) => unavailable(&message),
        Err(error) => wrong(&error),
    }
}
