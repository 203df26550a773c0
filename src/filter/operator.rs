//! How a question is written: the operators of each type, and the values that they take.
//!
//! In: one field of a block, as TOML. Out: its [`Condition`]s, in which nothing can be wrong any
//! more, or the mistake with its place.

use super::condition::{Condition, Test, Words};
use super::error::RuleError;
use super::field::{Field, FieldKind};
use super::toml::{Node, Pair};
use crate::report::{UrlParts, bare_host};
use regex::RegexSetBuilder;

/// Finds a list file by its name beside the rule file: its name as people know it, and its text.
pub type Lists<'l> = dyn Fn(&str) -> Option<(String, String)> + 'l;

/// Reads what a block asks about one field.
///
/// `lists` finds the text of a list file.
pub fn read(pair: &Pair<'_>, lists: &Lists<'_>) -> Result<Vec<Condition>, RuleError> {
    let Some(field) = Field::from_name(pair.key) else {
        let known: Vec<_> = Field::ALL.iter().map(|field| field.name()).collect();
        return Err(pair
            .value
            .error_at(pair.key_start, format!("unknown field; known are {}", known.join(", "))));
    };
    if !pair.value.is_table() {
        return Err(pair.value.error(format!(
            "expected a table such as {{ {} = … }}",
            operators(field.kind()).first().unwrap_or(&"is")
        )));
    }
    let mut conditions = Vec::new();
    for asked in pair.value.pairs()? {
        let allowed = operators(field.kind());
        if !allowed.contains(&asked.key) {
            return Err(asked.value.error_at(
                asked.key_start,
                format!(
                    "`{}` has no operator `{}`; it has {}",
                    field.name(),
                    asked.key,
                    allowed.join(", ")
                ),
            ));
        }
        conditions.push(Condition {
            field,
            test: test(field, &asked, lists)?,
            written: format!("{} {} {}", field.name(), asked.key, asked.value.json()?),
        });
    }
    if conditions.is_empty() {
        return Err(pair.value.error("asks nothing"));
    }
    Ok(conditions)
}

/// What may be asked of a type. No text of a URL can be searched: an attacker writes it.
fn operators(kind: FieldKind) -> &'static [&'static str] {
    match kind {
        FieldKind::Host => &["is", "in", "under", "list", "cidr", "own", "exists"],
        FieldKind::Domain | FieldKind::Keyword | FieldKind::Scheme => &["is", "in", "exists"],
        FieldKind::Closed(_) => &["is", "in"],
        FieldKind::Number => &["is", "in", "ge", "gt", "le", "lt", "exists"],
        FieldKind::Text => &["starts", "contains", "regex", "exists"],
        FieldKind::Path => &["is", "in", "starts", "regex"],
        FieldKind::Policy => &["names_host", "names_scheme", "permits", "exists"],
    }
}

fn test(field: Field, asked: &Pair<'_>, lists: &Lists<'_>) -> Result<Test, RuleError> {
    let value = &asked.value;
    Ok(match asked.key {
        "exists" => Test::Exists(value.bool()?),
        "list" => list(value, lists)?,
        "own" => Test::Own(value.bool()?),
        "cidr" => Test::Cidr(each(value, |one| {
            let text = one.string()?;
            text.parse()
                .map_err(|_| one.error(format!("`{text}` is no network such as 10.0.0.0/8")))
        })?),
        "under" => Test::Words { exact: Words::default(), under: hosts(value)? },
        "starts" if field.kind() == FieldKind::Path => {
            Test::Starts(each(value, |one| word(field, one).map(String::from))?)
        }
        "starts" => Test::Starts(each(value, non_empty)?),
        "contains" => Test::Contains(each(value, non_empty)?),
        "regex" => regex(value)?,
        "names_host" => Test::NamesHost(hosts(value)?),
        "names_scheme" => Test::NamesScheme(each(value, scheme)?.into_iter().collect()),
        "permits" => Test::Permits(value.bool()?),
        "is" | "in" if field.kind() == FieldKind::Number => Test::Numbers(each(value, number)?),
        "is" | "in" => Test::Words {
            exact: each(value, |one| word(field, one))?.into_iter().collect(),
            under: Words::default(),
        },
        "ge" => Test::Range(number(value)?, None),
        "gt" => Test::Range(number(value)?.saturating_add(1), None),
        "lt" => Test::Range(0, Some(number(value)?)),
        "le" => Test::Range(0, Some(number(value)?.saturating_add(1))),
        other => return Err(value.error(format!("unknown operator `{other}`"))),
    })
}

fn each<'t, T>(
    value: &Node<'t>,
    read: impl Fn(&Node<'t>) -> Result<T, RuleError>,
) -> Result<Vec<T>, RuleError> {
    let items: Vec<T> = value.one_or_many().iter().map(read).collect::<Result<_, _>>()?;
    if items.is_empty() {
        return Err(value.error("an empty list matches nothing"));
    }
    Ok(items)
}

/// A value that can be met: spelled as the record spells it.
fn word(field: Field, value: &Node<'_>) -> Result<Box<str>, RuleError> {
    let text = value.string()?;
    match field.kind() {
        FieldKind::Host | FieldKind::Domain => host(value),
        FieldKind::Scheme => scheme(value),
        FieldKind::Closed(set) => {
            let names = set.names();
            if names.contains(&text) {
                Ok(text.into())
            } else {
                Err(value.error(format!(
                    "`{text}` is no {}; expected one of {}",
                    field.name(),
                    names.join(", ")
                )))
            }
        }
        FieldKind::Path if !text.starts_with('/') => {
            Err(value.error(format!("`{text}` is no path; it must begin with `/`")))
        }
        FieldKind::Keyword
        | FieldKind::Path
        | FieldKind::Text
        | FieldKind::Number
        | FieldKind::Policy => Ok(non_empty(value)?.into()),
    }
}

/// The name of a scheme, as records spell it.
fn scheme(value: &Node<'_>) -> Result<Box<str>, RuleError> {
    let text = value.string()?;
    let is_scheme = text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase()
                || byte.is_ascii_digit()
                || matches!(byte, b'+' | b'-' | b'.' | b'_')
        });
    if is_scheme {
        return Ok(text.into());
    }
    Err(value.error(format!(
        "`{text}` is no scheme; expected a name such as chrome-extension, in lower case, without \
         `:` or `//`"
    )))
}

/// One host or several.
pub fn hosts(value: &Node<'_>) -> Result<Words, RuleError> {
    Ok(each(value, host)?.into_iter().collect())
}

/// A host, parsed to its end: nothing of a URL may stand around it.
fn host(value: &Node<'_>) -> Result<Box<str>, RuleError> {
    let text = value.string()?;
    host_name(text).ok_or_else(|| {
        value.error(format!(
            "`{text}` is no host; expected a name or an address without scheme, port, path or `*`"
        ))
    })
}

fn host_name(text: &str) -> Option<Box<str>> {
    let has_more = text.contains(['/', '@', '?', '#', '*', '\\']) || text.trim() != text;
    if has_more || text.is_empty() {
        return None;
    }
    let url = format!("https://{text}/");
    let parts = UrlParts::split(&url)?;
    // A port, or one that was swallowed because it is the default one.
    let has_port = parts.port.is_some() || (text.contains(':') && !text.starts_with('['));
    (!has_port && parts.path == "/").then(|| bare_host(&parts.host).into())
}

/// A list file: one host a line, `.example.com` for everything under it, `#` for comments.
fn list(value: &Node<'_>, lists: &Lists<'_>) -> Result<Test, RuleError> {
    let name = value.string()?;
    let (full_name, text) = lists(name)
        .ok_or_else(|| value.error(format!("there is no list file `{name}` beside this file")))?;
    let (mut exact, mut under) = (Words::default(), Words::default());
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let entry = line.split('#').next().unwrap_or(line).trim();
        if !entry.is_empty() {
            let (words, entry) = match entry.strip_prefix('.') {
                Some(parent) => (&mut under, parent),
                None => (&mut exact, entry),
            };
            let host = host_name(entry).ok_or_else(|| {
                RuleError::at(&full_name, &text, start, format!("`{entry}` is no host"))
            })?;
            words.insert(host);
        }
        start += line.len();
    }
    if exact.is_empty() && under.is_empty() {
        return Err(value.error(format!("the list file `{name}` holds no host")));
    }
    Ok(Test::Words { exact, under })
}

/// Regular expressions match in linear time; a limit on their size bounds memory.
fn regex(value: &Node<'_>) -> Result<Test, RuleError> {
    let patterns = each(value, non_empty)?;
    RegexSetBuilder::new(&patterns)
        .size_limit(1 << 20)
        .build()
        .map(Test::Regex)
        .map_err(|error| value.error(format!("no regular expression: {error}")))
}

fn number(value: &Node<'_>) -> Result<u32, RuleError> {
    u32::try_from(value.integer()?)
        .map_err(|_| value.error("expected a number from 0 to 4294967295"))
}

fn non_empty(value: &Node<'_>) -> Result<String, RuleError> {
    match value.string()? {
        "" => Err(value.error("an empty text would match everything")),
        text => Ok(text.to_owned()),
    }
}
