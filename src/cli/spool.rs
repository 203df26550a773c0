//! `cspipe spool`: what waits for Kafka on this machine.

use super::progress::Progress;
use super::{Format, print_json, unavailable, wrong};
use bytesize::ByteSize;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use cspipe::app::{self, AppError};
use cspipe::report::Stream;
use cspipe::settings::{self, Flags};
use cspipe::store::OpenError;
use cspipe::store::spool::{self, Reader, Status};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SpoolArgs {
    #[command(subcommand)]
    command: Option<SpoolCommand>,
    #[command(flatten)]
    status: StatusArgs,
}

#[derive(Debug, Subcommand)]
enum SpoolCommand {
    /// Shows how many records wait, since when, and what went wrong last.
    Status(StatusArgs),
    /// Writes the records as JSON lines to standard output, oldest first.
    ///
    /// They stay in the spool. Exits with 1 when some could not be read.
    Export(ExportArgs),
    /// Empties the spool into Kafka while no edge runs on it.
    ///
    /// A running edge does so by itself. Exits with 1 when something is left.
    Drain(DrainArgs),
}

#[derive(Debug, Args)]
struct StatusArgs {
    #[command(flatten)]
    place: Place,
    /// How the result is written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Args)]
struct ExportArgs {
    #[command(flatten)]
    place: Place,
    /// Only the records of this stream; may be given several times
    #[arg(long, value_name = "STREAM", value_parser = streams())]
    stream: Vec<Stream>,
    /// A file in place of the spool of the data directory: one that was set aside as damaged
    // No conflict with the directory, which the environment may name for everything.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct DrainArgs {
    #[command(flatten)]
    place: Place,
    /// Kafka's brokers, HOST:PORT with commas between [default: those of the settings]
    #[arg(long, value_name = "BROKERS", env = "CSPIPE_KAFKA")]
    kafka: Option<String>,
    /// For how long Kafka may take nothing before it is given up
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    patience: u64,
}

/// Where the spool is.
#[derive(Debug, Args)]
struct Place {
    /// Settings file [default: config/cspipe.toml when it exists]
    #[arg(long, value_name = "FILE", env = "CSPIPE_CONFIG")]
    config: Option<PathBuf>,
    /// Data directory [default: data]
    #[arg(long, value_name = "DIR", env = "CSPIPE_DATA")]
    data: Option<PathBuf>,
}

pub fn run(arguments: SpoolArgs) -> ExitCode {
    let done = match arguments.command {
        None => status(&arguments.status),
        Some(SpoolCommand::Status(arguments)) => status(&arguments),
        Some(SpoolCommand::Export(arguments)) => export(&arguments),
        Some(SpoolCommand::Drain(arguments)) => drain(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(code) => code,
    }
}

fn status(arguments: &StatusArgs) -> Result<(), ExitCode> {
    let data = arguments.place.data()?;
    let reader = open(Reader::open(&data))?;
    let status = reader.status().map_err(|error| unavailable(&error))?;
    // Of what cannot be listed, nothing is said.
    let set_aside = spool::set_aside(&data).unwrap_or_default();
    match arguments.format {
        Format::Text => print!("{}", text(reader.path(), &status, &set_aside)),
        Format::Json => print_json(&as_json(reader.path(), &status, &set_aside)),
    }
    Ok(())
}

fn text(path: &Path, status: &Status, set_aside: &[(PathBuf, u64)]) -> String {
    let mut text = format!(
        "spool: {}\nrecords: {}\nbytes: {}\n",
        path.display(),
        status.records,
        ByteSize(status.bytes)
    );
    match status.oldest {
        Some(oldest) => text.push_str(&format!("oldest: {oldest:.3}, {:#} ago\n", age(oldest))),
        None => text.push_str("oldest: none, the spool is empty\n"),
    }
    match &status.last_error {
        // A stranger's text in one line, whatever it holds.
        Some((at, error)) => text.push_str(&format!(
            "last error: {at:.3}, {:#} ago: {}\n",
            age(*at),
            error.escape_debug()
        )),
        None => text.push_str("last error: none\n"),
    }
    for (path, bytes) in set_aside {
        text.push_str(&format!(
            "set aside as damaged: {0} ({1}); cspipe spool export --file {0}\n",
            path.display(),
            ByteSize(*bytes)
        ));
    }
    text
}

fn as_json(path: &Path, status: &Status, set_aside: &[(PathBuf, u64)]) -> Value {
    json!({
        "spool": path,
        "records": status.records,
        "bytes": status.bytes,
        "oldest": status.oldest.map(|oldest| format!("{oldest:.3}")),
        "oldest_seconds": status.oldest.map(|oldest| age(oldest).as_secs()),
        "last_error": status
            .last_error
            .as_ref()
            .map(|(at, error)| json!({ "at": format!("{at:.3}"), "error": error })),
        "set_aside": set_aside
            .iter()
            .map(|(path, bytes)| json!({ "file": path, "bytes": bytes }))
            .collect::<Vec<_>>(),
    })
}

/// Whole seconds since a moment; none since one that is still to come.
fn age(since: Timestamp) -> SignedDuration {
    let age = Timestamp::now().duration_since(since).max(SignedDuration::ZERO);
    SignedDuration::from_secs(age.as_secs())
}

fn drain(arguments: &DrainArgs) -> Result<(), ExitCode> {
    let settings = settings::load(&Flags {
        config: arguments.place.config.clone(),
        data: arguments.place.data.clone(),
        kafka: arguments.kafka.clone(),
        ..Flags::default()
    })
    .map_err(|error| wrong(&error))?;
    if settings.kafka.brokers.is_none() {
        return Err(wrong(
            &"which Kafka? Say so by --kafka HOST:PORT or the setting kafka.brokers",
        ));
    }
    // Or a new spool would be made where somebody mistyped a folder.
    drop(open(Reader::open(&settings.data.0))?);
    super::start_log(settings.log);
    let (mut all, mut left) = (None, 0);
    let mut progress = Progress::begin("records");
    let done = app::drain(&settings, Duration::from_secs(arguments.patience), |now| {
        left = now;
        let all = *all.get_or_insert(now);
        progress.show_now(all.saturating_sub(now), all);
    });
    drop(progress);
    match done {
        Ok(()) if left == 0 => {
            println!("{} records delivered, none left", all.unwrap_or(0));
            Ok(())
        }
        Ok(()) => {
            println!("{left} records left: Kafka takes none; `cspipe spool` shows why");
            Err(ExitCode::from(1))
        }
        Err(AppError::Unavailable(message)) => Err(unavailable(&message)),
        Err(error) => Err(wrong(&error)),
    }
}

fn export(arguments: &ExportArgs) -> Result<(), ExitCode> {
    let reader = match &arguments.file {
        Some(file) => open(Reader::open_file(file.clone()))?,
        None => open(Reader::open(&arguments.place.data()?))?,
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut written = Ok(());
    let exported = reader.export(|record| {
        if arguments.stream.is_empty() || arguments.stream.contains(&record.stream) {
            written = out.write_all(&record.json).and_then(|()| out.write_all(b"\n"));
        }
        written.is_ok()
    });
    match written.and_then(|()| out.flush()) {
        Ok(()) => {}
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
        Err(error) => {
            return Err(unavailable(&format!("cannot write to standard output: {error}")));
        }
    }
    let exported = exported.map_err(|error| unavailable(&error))?;
    if exported.unreadable > 0 {
        eprintln!(
            "cspipe: {}: {} records were read, up to {} could not be",
            reader.path().display(),
            exported.records,
            exported.unreadable
        );
        return Err(ExitCode::from(1));
    }
    Ok(())
}

impl Place {
    fn data(&self) -> Result<PathBuf, ExitCode> {
        let flags =
            Flags { config: self.config.clone(), data: self.data.clone(), ..Flags::default() };
        Ok(settings::load(&flags).map_err(|error| wrong(&error))?.data.0)
    }
}

fn open(opened: Result<Reader, OpenError>) -> Result<Reader, ExitCode> {
    opened.map_err(|error| match error {
        OpenError::Missing { path } => {
            unavailable(&format!("{}: there is no spool here", path.display()))
        }
        error => unavailable(&error),
    })
}

fn streams() -> impl TypedValueParser<Value = Stream> {
    PossibleValuesParser::new(Stream::ALL.iter().map(|stream| stream.name()))
        .map(|name| Stream::from_name(&name).unwrap_or(Stream::Clean))
}
