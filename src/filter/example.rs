//! Reports that rules are proven by: the examples of each rule, and the canaries of all.

use super::error::RuleError;
use super::own_hosts::OwnHosts;
use super::toml::{Node, collect, parse, unknown_key};

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
        let mut canaries = Vec::new();
        let mut errors = Vec::new();
        for pair in root.pairs().map_err(|error| vec![error])? {
            collect(&pair.value, &mut errors, |node| {
                let mut canary =
                    Canary { id: String::new(), why: String::new(), body: String::new() };
                for pair in node.pairs()? {
                    match pair.key {
                        "id" => canary.id = pair.value.string()?.to_owned(),
                        "why" => canary.why = pair.value.string()?.to_owned(),
                        "report" => canary.body = body(&pair.value)?,
                        _ => return Err(unknown_key(&pair, "id, why, report")),
                    }
                }
                canaries.push(canary);
                Ok(())
            });
        }
        if errors.is_empty() { Ok(canaries) } else { Err(errors) }
    })
}

/// Reads one example of a rule.
pub fn read_example(node: &Node<'_>) -> Result<Example, RuleError> {
    let mut matches = None;
    let mut body_text = None;
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
    for pair in node.pairs()? {
        match pair.key {
            "match" => matches = Some(pair.value.bool()?),
            "why" => example.why = Some(pair.value.string()?.to_owned()),
            "report" => body_text = Some(body(&pair.value)?),
            "ua" => example.user_agent = Some(pair.value.string()?.to_owned()),
            "app" => example.app = Some(pair.value.string()?.to_owned()),
            "query" => example.query = Some(pair.value.string()?.to_owned()),
            "own_hosts" => example.own_hosts = OwnHosts::read_of_example(&pair.value)?,
            _ => {
                return Err(unknown_key(&pair, "match, why, report, ua, app, query, own_hosts"));
            }
        }
    }
    example.matches = matches.ok_or_else(|| node.error("`match` is missing"))?;
    example.body = body_text.ok_or_else(|| node.error("`report` is missing"))?;
    if !example.matches && example.why.is_none() {
        return Err(node.error("an example that must not match says `why`"));
    }
    Ok(example)
}

/// The keys of a report, in the envelope of `report-uri`.
fn body(value: &Node<'_>) -> Result<String, RuleError> {
    Ok(serde_json::json!({ "csp-report": value.json()? }).to_string())
}
