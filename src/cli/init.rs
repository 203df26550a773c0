//! `cspipe init`: the settings and the shipped rules, for editing.

use super::wrong;
use clap::Args;
use cspipe::filter::SHIPPED_FILES;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct InitArgs {
    /// Where to write config/ and filters/
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
}

pub fn run(arguments: &InitArgs) -> ExitCode {
    let files = SHIPPED_FILES
        .iter()
        .map(|(name, text)| (format!("filters/{name}"), *text))
        .chain(CONFIG.iter().map(|(name, text)| (format!("config/{name}"), *text)));
    for (name, text) in files {
        let path = arguments.folder.join(name);
        match write_new(&path, text) {
            Ok(true) => println!("wrote {}", path.display()),
            Ok(false) => println!("kept {}, which exists", path.display()),
            Err(error) => return wrong(&format!("cannot write {}: {error}", path.display())),
        }
    }
    ExitCode::SUCCESS
}

/// What it writes to `config/`: the settings, and the contract of the records.
const CONFIG: &[(&str, &str)] = &[
    ("cspipe.toml", include_str!("../../config/cspipe.toml")),
    ("record.schema.json", include_str!("../../config/record.schema.json")),
];

/// Writes a file unless it exists; says whether it did.
fn write_new(path: &Path, text: &str) -> std::io::Result<bool> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match std::fs::File::create_new(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}
