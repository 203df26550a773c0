//! `cspipe rules`: what rules do, and what a changed one would do.

mod trial;
mod why;

use clap::Subcommand;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Runs a changed rule file over what is stored, and shows what would move.
    ///
    /// The file takes the place of the one of the same name in the folder of rules, or stands
    /// beside them; a folder takes the place of them all. Nothing is changed. Exits with 1 when a
    /// rule is wrong.
    Try(trial::TryArgs),
    /// Shows a rule: where it stands, what it asks, its examples, its hits by day.
    Why(why::WhyArgs),
    /// Prints the JSON Schema of rule files, for editors.
    ///
    /// `cspipe init` writes it to filters/rules.schema.json as well.
    Schema,
}

pub fn run(command: &RulesCommand) -> ExitCode {
    let done = match command {
        RulesCommand::Try(arguments) => trial::run(arguments),
        RulesCommand::Why(arguments) => why::run(arguments),
        RulesCommand::Schema => {
            super::print_json(&cspipe::filter::json_schema());
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(code) => code,
    }
}
