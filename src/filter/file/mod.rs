//! Rule files as people write them.
//!
//! In: the text of one file. Out: its rules (`rule`, made of questions: `operator`), its overrides,
//! its `[enforce]` and `[own_hosts]`, or every mistake with its place. What editors may know of all
//! this ahead is the `schema`.

mod contradiction;
pub mod enforce;
mod operator;
pub mod overrides;
mod rule;
pub mod schema;
mod word;

use crate::filter::error::RuleError;
use crate::filter::keys::{FileKey, RuleKey, names};
use crate::filter::own_hosts::OwnHosts;
use crate::filter::rule::Rule;
use crate::filter::toml::{Pair, collect, parse, unknown_key};
use crate::filter::value::Lists;
use enforce::Enforcement;
use overrides::Override;
use rule::read_rule;

/// What one file says, and what is wrong with the rest of it.
#[derive(Debug, Default)]
pub struct Read {
    pub rules: Vec<Rule>,
    pub overrides: Vec<Override>,
    pub own_hosts: OwnHosts,
    pub enforcements: Vec<Enforcement>,
    pub errors: Vec<RuleError>,
    /// Whether its grammar was right; if not, it may have rules that nobody knows of.
    pub is_whole: bool,
}

/// Reads one file. `lists` finds the text of a list file that stands beside it.
pub fn read(file: &str, text: &str, lists: &Lists<'_>) -> Read {
    let mut read = Read::default();
    let result = parse(file, text, |root| {
        read.is_whole = true;
        let pairs = root.pairs()?;
        let mut errors = Vec::new();
        if !pairs.iter().any(|pair| pair.key == FileKey::Format.name()) {
            let message = format!("`format = {FORMAT}` is missing; a rule file begins with it");
            errors.push(RuleError::at(file, text, 0, message));
        }
        for pair in &pairs {
            let mistakes = read_file_key(pair, &mut read, lists).err().into_iter().flatten();
            errors.extend(mistakes.map(|error| error.under(|| pair.key.to_owned())));
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    });
    read.errors.extend(result.err().into_iter().flatten());
    read
}

fn read_file_key(
    pair: &Pair<'_>,
    read: &mut Read,
    lists: &Lists<'_>,
) -> Result<(), Vec<RuleError>> {
    let value = &pair.value;
    let Some(key) = FileKey::from_name(pair.key) else {
        let elsewhere = if RuleKey::from_name(pair.key).is_some() {
            Some(format!("`{}` is a key of a rule: write [[rule]] above it", pair.key))
        } else {
            None
        };
        return Err(unknown_key(pair, &names(FileKey::ALL, FileKey::name), elsewhere).into());
    };
    match key {
        FileKey::Format => match value.integer() {
            Ok(FORMAT) => {}
            Ok(other) => {
                let message =
                    format!("format {other} is not known; this program reads format {FORMAT}");
                return Err(value.error(message).into());
            }
            Err(error) => return Err(error.into()),
        },
        FileKey::Pack => {
            value.string()?;
        }
        FileKey::Rule => {
            collect(pair, "rule", |node| {
                let rule = read_rule(node, lists)?;
                read.rules.push(rule);
                Ok(())
            })?;
        }
        FileKey::Override => {
            collect(pair, "override", |node| {
                read.overrides.push(overrides::read(node)?);
                Ok(())
            })?;
        }
        FileKey::OwnHosts => read.own_hosts = OwnHosts::read(value)?,
        FileKey::Enforce => read.enforcements = enforce::read(value)?,
    }
    Ok(())
}

pub const FORMAT: i64 = 1;
