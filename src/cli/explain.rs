//! `cspipe explain`: what becomes of one raw report, and why.

use super::{Format, SettingsArgs, wrong};
use clap::Args;
use cspipe::report::Delivery;
use cspipe::{app, explain, http, reload};
use jiff::Timestamp;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A file that holds a request body; `-` or nothing for standard input
    file: Option<PathBuf>,
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
    settings: SettingsArgs,
}

pub fn run(arguments: &ExplainArgs) -> ExitCode {
    let body = match read(arguments.file.as_deref()) {
        Ok(body) => body,
        Err(message) => return wrong(&message),
    };
    if body.starts_with(b"POST ") {
        return wrong(
            &"this is a whole request; give its body only, and --path for its first line",
        );
    }
    let (path, query_of_path) = match arguments.path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (arguments.path.as_str(), None),
    };
    let Some(app) = http::app_of_path(path) else {
        return wrong(&format!(
            "--path {path}: no report is taken there; expected /csp, /csp/APP, /reports, \
             /reports/APP or /api/APP/security/"
        ));
    };
    let settings = match arguments.settings.load() {
        Ok(settings) => settings,
        Err(error) => return wrong(&error),
    };
    let stages = match app::stages(&settings) {
        Ok(stages) => stages,
        Err(error) => return wrong(&error),
    };
    let rules = match reload::load(settings.filters_folder().as_deref(), &stages) {
        Ok(rules) => rules,
        Err(error) => return wrong(&error.told()),
    };
    let delivery = Delivery {
        received_at: Timestamp::now(),
        app,
        query: arguments.query.as_deref().or(query_of_path),
        user_agent: arguments.user_agent.as_deref(),
        content_type: None,
    };
    let explanation = explain::explain(&body, &delivery, &stages, &rules);
    match arguments.format {
        Format::Text => print!("{explanation}"),
        Format::Json => match serde_json::to_string_pretty(&explanation) {
            Ok(json) => println!("{json}"),
            Err(error) => return wrong(&error),
        },
    }
    ExitCode::SUCCESS
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
