//! The values that questions take: hosts, schemes, paths, words, numbers, patterns, list files.
//!
//! In: a value as TOML. Out: the value as records spell it, or what is wrong with it and what was
//! probably meant. A value that no record can have is a mistake, never a question that silently
//! fails.

use super::condition::{Test, Words};
use super::error::{RuleError, all};
use super::field::{Field, FieldKind};
use super::spelling::{nearest, quoted};
use super::toml::Node;
use crate::report::{UrlParts, bare_host, is_app_name, split_scheme};
use ipnet::IpNet;
use regex::{RegexBuilder, RegexSet, RegexSetBuilder};

/// Finds list files beside a rule file.
pub struct Lists<'l> {
    /// By the name that the rule gives: the name as people know it, and the text.
    pub find: &'l dyn Fn(&str) -> Option<(String, String)>,
    /// The names of those that are there.
    pub names: &'l [&'l str],
}

/// One value or a list of them.
pub fn each<'t, T>(
    value: &Node<'t>,
    read: impl Fn(&Node<'t>) -> Result<T, RuleError>,
) -> Result<Vec<T>, Vec<RuleError>> {
    let items = value.one_or_many();
    if items.is_empty() {
        return Err(value.error("an empty list matches nothing").into());
    }
    all(items.iter().map(read))
}

/// A value that can be met: spelled as the record spells it.
pub fn word(field: Field, value: &Node<'_>) -> Result<Box<str>, RuleError> {
    let text = value.string()?;
    match field.kind() {
        FieldKind::Host | FieldKind::Domain => host(value),
        FieldKind::Scheme => scheme(value),
        FieldKind::Closed(set) => {
            let names = set.names();
            if names.contains(&text) {
                Ok(text.into())
            } else {
                Err(value.unknown(&field.name().replace('_', " "), text, &names))
            }
        }
        FieldKind::Path if !text.starts_with('/') => {
            Err(value.error(format!("{} is no path; it must begin with `/`", quoted(text))))
        }
        FieldKind::Path if text.contains(['?', '#']) => Err(value.error(format!(
            "{} is more than a path; leave out what begins with `?` or `#`",
            quoted(text)
        ))),
        FieldKind::Keyword if field == Field::AppName && !is_app_name(text) => {
            Err(value.error(format!(
                "{} is no app name: letters, digits, dots, hyphens and underscores, up to 64; \
                 globs stand in `apps`",
                quoted(text)
            )))
        }
        FieldKind::Keyword
        | FieldKind::Path
        | FieldKind::Text
        | FieldKind::Number
        | FieldKind::Policy => Ok(non_empty(value)?.into()),
    }
}

/// The name of a scheme, as records spell it.
pub fn scheme(value: &Node<'_>) -> Result<Box<str>, RuleError> {
    let text = value.string()?;
    let is_scheme = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(|byte| {
                byte.is_ascii_lowercase()
                    || byte.is_ascii_digit()
                    || matches!(byte, b'+' | b'-' | b'.' | b'_')
            })
    };
    if is_scheme(text) {
        return Ok(text.into());
    }
    let meant = text.split(':').next().unwrap_or(text).trim().to_ascii_lowercase();
    let hint = if is_scheme(&meant) { did_you_mean(&meant) } else { EXPECTED.to_owned() };
    Err(value.error(format!(
        "{} is no scheme; {hint} a name such as chrome-extension, in lower case, without \
         `:` or `//`",
        quoted(text)
    )))
}

/// One host or several.
pub fn hosts(value: &Node<'_>) -> Result<Words, Vec<RuleError>> {
    Ok(each(value, host)?.into_iter().collect())
}

/// A host, parsed to its end: nothing of a URL may stand around it.
fn host(value: &Node<'_>) -> Result<Box<str>, RuleError> {
    let text = value.string()?;
    host_name(text).ok_or_else(|| value.error(no_host(text)))
}

fn host_name(text: &str) -> Option<Box<str>> {
    let has_more = text.contains(['/', '@', '?', '#', '*', '\\', ' ', '%'])
        || text.contains(char::is_whitespace)
        || text.starts_with('.');
    if has_more || text.is_empty() {
        return None;
    }
    let url = format!("https://{text}/");
    let parts = UrlParts::split(&url)?;
    // A port, or one that was swallowed because it is the default one.
    let has_port = parts.port.is_some() || (text.contains(':') && !text.starts_with('['));
    (!has_port && parts.path == "/").then(|| bare_host(&parts.host).into())
}

/// Says of a text that it is no host, and which host may be meant.
fn no_host(text: &str) -> String {
    let expected = "a name or an address without scheme, port, path or `*`";
    let quoted = quoted(text);
    let below = text.strip_prefix("*.").or(text.strip_prefix('.'));
    if let Some(parent) = below.and_then(host_name) {
        return format!(
            "{quoted} is no host; expected {expected}. For {parent} and all below it write under = \
             \"{parent}\""
        );
    }
    let scheme = split_scheme(text).filter(|(_, rest)| rest.is_empty() || rest.starts_with("//"));
    let url = match scheme {
        Some(_) => text.to_owned(),
        None => format!("https://{}/", text.trim()),
    };
    match UrlParts::split(&url).and_then(|parts| host_name(&parts.host)) {
        Some(meant) => format!("{quoted} is no host; {} {expected}", did_you_mean(&meant)),
        None => match scheme {
            Some((scheme, _)) => format!(
                "{quoted} is no host; expected {expected}. For the scheme {scheme} ask blocked_scheme, \
                 source_scheme or report_scheme"
            ),
            None => format!("{quoted} is no host; expected {expected}"),
        },
    }
}

/// A network in CIDR notation.
pub fn network(value: &Node<'_>) -> Result<IpNet, RuleError> {
    let text = value.string()?;
    text.parse().map_err(|_| {
        let hint = match text.parse::<std::net::IpAddr>() {
            Ok(address) => did_you_mean(&format!("{}", IpNet::from(address))),
            Err(_) => EXPECTED.to_owned(),
        };
        value.error(format!(
            "{} is no network; {hint} one such as 10.0.0.0/8 or 2001:db8::/32",
            quoted(text)
        ))
    })
}

/// A list file: one host a line, `.example.com` for everything under it, `#` for comments.
pub fn list(value: &Node<'_>, lists: &Lists<'_>) -> Result<Test, Vec<RuleError>> {
    let name = value.string()?;
    let Some((full_name, text)) = (lists.find)(name) else {
        return Err(value.error(no_list(name, lists.names)).into());
    };
    let (mut exact, mut under) = (Words::default(), Words::default());
    let mut errors = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let entry = line.split('#').next().unwrap_or(line);
        let indent = entry.len() - entry.trim_start().len();
        let entry = entry.trim().trim_start_matches('\u{feff}');
        if !entry.is_empty() {
            let (words, host) = match entry.strip_prefix('.') {
                Some(parent) => (&mut under, parent),
                None => (&mut exact, entry),
            };
            match host_name(host) {
                Some(host) => {
                    words.insert(host);
                }
                None => errors.push(RuleError::at(
                    &full_name,
                    &text,
                    start + indent,
                    format!(
                        "{} is no host; a list has one host a line, `.example.com` for all under \
                         it, and `#` before comments",
                        quoted(entry)
                    ),
                )),
            }
        }
        start += line.len();
    }
    if errors.is_empty() && exact.is_empty() && under.is_empty() {
        let message = format!("the list file {} holds no host", quoted(name));
        return Err(value.error(message).into());
    }
    if errors.is_empty() { Ok(Test::Words { exact, under }) } else { Err(errors) }
}

fn no_list(name: &str, there: &[&str]) -> String {
    if name.contains(['/', '\\']) {
        return format!(
            "{} names a folder; a list file stands beside this file and is named by itself",
            quoted(name)
        );
    }
    let there_are = match (nearest(name, there), there) {
        (Some(meant), _) => format!("did you mean `{meant}`?"),
        (None, []) => "no *.txt file is there".to_owned(),
        (None, some) => format!("there are {}", some.join(", ")),
    };
    format!("there is no list file {} beside this file; {there_are}", quoted(name))
}

/// Regular expressions match in linear time; a limit on their size bounds memory.
pub fn patterns(value: &Node<'_>) -> Result<RegexSet, Vec<RuleError>> {
    let patterns = each(value, |one| {
        let pattern = non_empty(one)?;
        // One at a time as well: a set does not say which of them is wrong.
        match RegexBuilder::new(&pattern).size_limit(MAX_PATTERNS).build() {
            Ok(_) => Ok(pattern),
            Err(error) => Err(one.error(no_pattern(&error))),
        }
    })?;
    RegexSetBuilder::new(&patterns)
        .size_limit(MAX_PATTERNS)
        .build()
        .map_err(|error| value.error(no_pattern(&error)).into())
}

fn no_pattern(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => {
            "the regular expression is too large: compiled it takes more than 1 MiB; count less \
             with `{n}`, or write a list of texts"
                .to_owned()
        }
        // Several lines, of which the last one says what is wrong.
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or("");
            format!("no regular expression: {}", last.trim_start_matches("error: "))
        }
    }
}

pub fn number(value: &Node<'_>) -> Result<u32, RuleError> {
    u32::try_from(value.integer()?)
        .map_err(|_| value.error("expected a number from 0 to 4294967295"))
}

pub fn non_empty(value: &Node<'_>) -> Result<String, RuleError> {
    match value.string()? {
        "" => Err(value.error("an empty text would match everything")),
        text => Ok(text.to_owned()),
    }
}

fn did_you_mean(meant: &str) -> String {
    format!("did you mean `{meant}`? Expected")
}

const EXPECTED: &str = "expected";

const MAX_PATTERNS: usize = 1 << 20;
