//! `cspipe explain`: what becomes of one report, and why.

use super::{Format, Ground, StoreArgs, print_json, today, wrong};
use clap::Args;
use cspipe::report::{Delivery, Stream};
use cspipe::{explain, http};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use std::fmt::Display;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use uuid::Uuid;

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A file that holds a request body; `-` or nothing for standard input
    #[arg(conflicts_with = "id")]
    file: Option<PathBuf>,
    /// The id of a record in the store, in place of a body
    #[arg(long, value_name = "UUID", conflicts_with_all = ["path", "query", "user_agent"])]
    id: Option<Uuid>,
    /// The path it would be posted to, with or without a query
    #[arg(long, default_value = "/csp")]
    path: String,
    /// The query it would be posted with: app=shop&enforce=1
    #[arg(long)]
    query: Option<String>,
    /// The User-Agent header it would come with
    #[arg(long)]
    user_agent: Option<String>,
    /// How the result is written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    store: StoreArgs,
}

pub fn run(arguments: &ExplainArgs) -> ExitCode {
    let explained = match arguments.id {
        Some(id) => stored(arguments, id),
        None => posted(arguments),
    };
    match explained {
        Ok(()) => ExitCode::SUCCESS,
        Err(code) => code,
    }
}

/// Explains a body that was, or could be, posted.
fn posted(arguments: &ExplainArgs) -> Result<(), ExitCode> {
    let body = read(arguments.file.as_deref()).map_err(|message| wrong(&message))?;
    if body.starts_with(b"POST ") {
        return Err(wrong(
            &"this is a whole request; give its body only, and --path for its first line",
        ));
    }
    let (path, query_of_path) = match arguments.path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (arguments.path.as_str(), None),
    };
    let app = http::app_of_path(path).ok_or_else(|| {
        wrong(&format!(
            "--path {path}: no report is taken there; expected /csp, /csp/APP, /reports, \
             /reports/APP or /api/APP/security/"
        ))
    })?;
    let ground = Ground::load(&arguments.store)?;
    let delivery = Delivery {
        received_at: Timestamp::now(),
        app,
        query: arguments.query.as_deref().or(query_of_path),
        user_agent: arguments.user_agent.as_deref(),
        content_type: None,
    };
    let explanation = explain::explain(&body, &delivery, &ground.stages, &ground.rules);
    show(arguments.format, &explanation)
}

/// Explains a record of the store.
fn stored(arguments: &ExplainArgs, id: Uuid) -> Result<(), ExitCode> {
    let ground = Ground::load(&arguments.store)?;
    let reader = ground.store()?;
    let found = reader.find(id).map_err(|error| super::unavailable(&error))?;
    let Some((stream, json)) = found else {
        eprintln!(
            "cspipe: {}: no record has the id {id}; what is too old has been deleted",
            reader.path().display()
        );
        return Err(ExitCode::from(1));
    };
    let unreadable =
        |error| wrong(&format!("the record {id} cannot be read by this program: {error}"));
    match stream {
        Stream::Clean | Stream::Filtered => {
            let explained = explain::explain_record(&json, &ground.stages, &ground.rules, today())
                .map_err(unreadable)?;
            show(arguments.format, &explained)
        }
        // No rule judges these.
        Stream::Other | Stream::Rejected => {
            let record: serde_json::Value = serde_json::from_str(&json).map_err(unreadable)?;
            match arguments.format {
                Format::Text => {
                    let stream = stream.name();
                    println!(
                        "A record of the stream `{stream}`: no violation, so no rule judges it\n{record:#}"
                    );
                }
                Format::Json => {
                    print_json(&json!({ "stored_as": stream.name(), "record": record }));
                }
            }
            Ok(())
        }
    }
}

fn show(format: Format, explained: &(impl Display + Serialize)) -> Result<(), ExitCode> {
    match format {
        Format::Text => print!("{explained}"),
        Format::Json => {
            print_json(&serde_json::to_value(explained).map_err(|error| wrong(&error))?);
        }
    }
    Ok(())
}

fn read(file: Option<&Path>) -> Result<Vec<u8>, String> {
    match file {
        Some(path) if path != Path::new("-") => {
            std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
        }
        _ => {
            if std::io::stdin().is_terminal() {
                eprintln!("paste a report, then press Ctrl-D");
            }
            let mut body = Vec::new();
            std::io::stdin()
                .read_to_end(&mut body)
                .map_err(|error| format!("cannot read standard input: {error}"))?;
            Ok(body)
        }
    }
}
