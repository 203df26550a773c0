//! Reports that rules are proven by: the examples of each rule, and the canaries of all.

use super::error::{RuleError, all};
use super::keys::{ExampleKey, RuleKey, names};
use super::own_hosts::OwnHosts;
use super::spelling::quoted;
use super::toml::{Node, Pair, collect, parse, unknown_key};
use crate::report::{ReportKey, is_app_name};

/// A report that a rule must match, or must not.
#[derive(Debug, Clone)]
pub struct Example {
    pub matches: bool,
    pub why: Option<String>,
    /// The body of a `report-uri` request.
    pub body: String,
    pub user_agent: Option<String>,
    pub app: Option<String>,
    pub query: Option<String>,
    /// The list that it brings along. An example knows no other, so that it comes out the same on
    /// every site.
    pub own_hosts: OwnHosts,
    /// Where it stands, should it turn out wrong.
    pub place: RuleError,
}

/// A real violation that no rule may filter by accident.
#[derive(Debug, Clone)]
pub struct Canary {
    pub id: String,
    pub why: String,
    pub body: String,
}

/// The canaries that are built in: what an injected script looks like, and what people rent.
pub fn canaries() -> Result<Vec<Canary>, Vec<RuleError>> {
    parse("built-in canaries", include_str!("canaries.toml"), |root| {
        let lists = all(root.pairs()?.iter().map(|pair| collect(pair, pair.key, read_canary)))?;
        Ok(lists.into_iter().flatten().collect())
    })
}

fn read_canary(node: &Node<'_>) -> Result<Canary, Vec<RuleError>> {
    let mut canary = Canary { id: String::new(), why: String::new(), body: String::new() };
    for pair in node.pairs()? {
        match pair.key {
            "id" => canary.id = pair.value.string()?.to_owned(),
            "why" => canary.why = pair.value.string()?.to_owned(),
            "report" => canary.body = read_report(&pair.value)?,
            _ => return Err(unknown_key(&pair, &["id", "why", "report"], None).into()),
        }
    }
    Ok(canary)
}

/// Reads one example of a rule.
pub fn read_example(node: &Node<'_>) -> Result<Example, Vec<RuleError>> {
    let mut matches = None;
    let mut example = Example {
        matches: false,
        why: None,
        body: String::new(),
        user_agent: None,
        app: None,
        query: None,
        own_hosts: OwnHosts::default(),
        place: node.error(""),
    };
    let pairs = node.pairs()?;
    all(pairs.iter().map(|pair| {
        read_example_key(pair, &mut example, &mut matches).map_err(|errors| {
            let name = || format!("example.{}", pair.key);
            errors.into_iter().map(|error| error.under(name)).collect::<Vec<_>>()
        })
    }))?;
    let has = |key: ExampleKey| pairs.iter().any(|pair| pair.key == key.name());
    let missing = |message| Err(node.error(message).under(|| "example".to_owned()).into());
    if !has(ExampleKey::Match) {
        return missing(
            "`match` is missing: `match = true` if the rule must match this report, else `match = false`",
        );
    }
    if !has(ExampleKey::Report) {
        return missing(
            "`report` is missing: the keys of a report, as in { blocked-uri = \"inline\" }",
        );
    }
    example.matches = matches == Some(true);
    if !example.matches && example.why.is_none() {
        return missing("an example that must not match says `why`");
    }
    Ok(example)
}

fn read_example_key(
    pair: &Pair<'_>,
    example: &mut Example,
    matches: &mut Option<bool>,
) -> Result<(), Vec<RuleError>> {
    let value = &pair.value;
    let Some(key) = ExampleKey::from_name(pair.key) else {
        let elsewhere = if RuleKey::from_name(pair.key).is_some() {
            Some(format!(
                "`{}` is a key of the rule: write it above the first [[rule.…]] of its rule",
                pair.key
            ))
        } else if ReportKey::from_name(pair.key).is_some() {
            Some(format!("`{}` is a key of a report: write report = {{ … }}", pair.key))
        } else {
            None
        };
        let known = names(ExampleKey::ALL, ExampleKey::name);
        return Err(unknown_key(pair, &known, elsewhere).into());
    };
    match key {
        ExampleKey::Match => *matches = Some(value.bool()?),
        ExampleKey::Why => example.why = Some(value.words()?.to_owned()),
        ExampleKey::Report => example.body = read_report(value)?,
        ExampleKey::Ua => example.user_agent = Some(value.string()?.to_owned()),
        ExampleKey::App => {
            let app = value.string()?;
            if !is_app_name(app) {
                let message = format!(
                    "{} is no app name: use up to 64 letters, digits, dots, hyphens and underscores",
                    quoted(app)
                );
                return Err(value.error(message).into());
            }
            example.app = Some(app.to_owned());
        }
        ExampleKey::Query => example.query = Some(value.string()?.to_owned()),
        ExampleKey::OwnHosts => example.own_hosts = OwnHosts::read_of_example(value)?,
    }
    Ok(())
}

/// The keys of a report, in the envelope of `report-uri`.
fn read_report(value: &Node<'_>) -> Result<String, Vec<RuleError>> {
    let pairs = value.pairs()?;
    if pairs.is_empty() {
        return Err(value.error("an empty report says nothing").into());
    }
    all(pairs.iter().map(|pair| {
        let key = ReportKey::from_name(pair.key).ok_or_else(|| unknown_report_key(pair))?;
        // Browsers have sent numbers as texts.
        if key.is_number() && pair.value.is_integer() {
            return Ok(());
        }
        pair.value
            .string()
            .map(|_| ())
            .map_err(|error| error.under(|| format!("example.report.{}", pair.key)))
    }))?;
    Ok(serde_json::json!({ "csp-report": value.json()? }).to_string())
}

fn unknown_report_key(pair: &Pair<'_>) -> RuleError {
    let known: Vec<_> = ReportKey::ALL.iter().map(|key| key.spellings()[0]).collect();
    unknown_key(pair, &known, None).under(|| format!("example.report.{}", pair.key))
}
