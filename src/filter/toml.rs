//! TOML values that know where they stand.

use super::error::{RuleError, all};
use super::spelling::{quoted, unknown};
use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

/// One value of a file, with all that is needed to complain about it.
#[derive(Clone, Copy)]
pub struct Node<'t> {
    pub file: &'t str,
    pub text: &'t str,
    value: &'t DeValue<'t>,
    start: usize,
}

/// One key of a table and its value.
pub struct Pair<'t> {
    pub key: &'t str,
    pub key_start: usize,
    pub value: Node<'t>,
}

/// Parses a file and hands its root to a reader.
///
/// After a mistake of grammar nothing is read: what stands behind it may have been meant to stand
/// elsewhere.
pub fn parse<T>(
    file: &str,
    text: &str,
    read: impl FnOnce(Node<'_>) -> Result<T, Vec<RuleError>>,
) -> Result<T, Vec<RuleError>> {
    let (table, mut faults) = DeTable::parse_recoverable(text);
    let start_of = |fault: &toml::de::Error| fault.span().map_or(0, |span| span.start);
    faults.sort_by_key(start_of);
    let mut errors: Vec<RuleError> = Vec::new();
    for fault in faults {
        let at = start_of(&fault);
        let error = RuleError::at(file, text, at, grammar(fault.message(), &text[at..]));
        // One mistake of a line: the parser stumbles on.
        if errors.last().is_none_or(|last| last.line != error.line) {
            errors.push(error);
        }
        // Behind a list that is not closed it takes all the rest of the file for its items.
        if OPEN.iter().any(|open| fault.message().starts_with(open)) {
            break;
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let start = table.span().start;
    let value = DeValue::Table(table.into_inner());
    read(Node { file, text, value: &value, start })
}

/// What is wrong with the grammar, in one line. `rest` begins where it is.
fn grammar(message: &str, rest: &str) -> String {
    let rest = rest.trim_start_matches([' ', '\t']);
    let what = if OPEN.iter().any(|open| message.starts_with(open)) {
        format!("{message}; or something above is not closed: a `[`, a `{{` or a quote")
    } else if !message.starts_with(NO_QUOTES) {
        message.lines().collect::<Vec<_>>().join("; ")
    } else if rest.is_empty() || rest.starts_with(['\n', '\r', '#']) {
        "the value is missing behind `=`".to_owned()
    } else {
        "a text stands in quotes".to_owned()
    };
    format!("no TOML: {what}")
}

/// How the parser begins to say that a list or an inline table goes wrong.
const OPEN: &[&str] = &["missing comma", "missing key for inline table", "unclosed"];
/// How it begins to say that it found no value.
const NO_QUOTES: &str = "string values must be quoted";

/// Reads every table of `[[name]]`, and goes on after a mistake.
pub fn collect<'t, T>(
    pair: &Pair<'t>,
    name: &str,
    read: impl FnMut(&Node<'t>) -> Result<T, Vec<RuleError>>,
) -> Result<Vec<T>, Vec<RuleError>> {
    if pair.value.is_table() {
        let message = format!("`{}` is a list of tables: write [[{name}]]", pair.key);
        return Err(pair.value.error(message).into());
    }
    all(pair.value.items()?.iter().map(read))
}

/// A complaint about a key that nothing reads. `elsewhere` says where it is one, if anywhere.
pub fn unknown_key(pair: &Pair<'_>, allowed: &[&str], elsewhere: Option<String>) -> RuleError {
    let message = elsewhere.unwrap_or_else(|| unknown("unknown key", pair.key, allowed));
    pair.value.error_at(pair.key_start, message)
}

impl<'t> Node<'t> {
    /// A complaint about this value.
    pub fn error(&self, message: impl Into<String>) -> RuleError {
        RuleError::at(self.file, self.text, self.start, message)
    }

    /// A complaint about a byte of this file.
    pub fn error_at(&self, byte: usize, message: impl Into<String>) -> RuleError {
        RuleError::at(self.file, self.text, byte, message)
    }

    /// A complaint that this text is none of what is allowed.
    pub fn unknown(&self, what: &str, text: &str, allowed: &[&str]) -> RuleError {
        self.error(unknown(&format!("{} is no {what}", quoted(text)), text, allowed))
    }

    pub fn pairs(&self) -> Result<Vec<Pair<'t>>, RuleError> {
        let DeValue::Table(table) = self.value else {
            return Err(self.wants("a table"));
        };
        Ok(table
            .iter()
            .map(|(key, value)| Pair {
                key: key.get_ref(),
                key_start: key.span().start,
                value: self.child(value),
            })
            .collect())
    }

    pub const fn is_table(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    pub const fn is_integer(&self) -> bool {
        matches!(self.value, DeValue::Integer(_))
    }

    pub fn items(&self) -> Result<Vec<Self>, RuleError> {
        let DeValue::Array(array) = self.value else {
            return Err(self.wants(A_LIST));
        };
        Ok(array.iter().map(|value| self.child(value)).collect())
    }

    /// The items of a list, or the one value that stands in its place.
    pub fn one_or_many(&self) -> Vec<Self> {
        match self.value {
            DeValue::Array(array) => array.iter().map(|value| self.child(value)).collect(),
            _ => vec![*self],
        }
    }

    pub fn string(&self) -> Result<&'t str, RuleError> {
        match self.value {
            DeValue::String(text) => Ok(text),
            _ => Err(self.wants("a string")),
        }
    }

    /// A text that says something.
    pub fn words(&self) -> Result<&'t str, RuleError> {
        match self.string()? {
            text if text.trim().is_empty() => Err(self.error("says nothing; write a few words")),
            text => Ok(text),
        }
    }

    pub fn bool(&self) -> Result<bool, RuleError> {
        match self.value {
            DeValue::Boolean(value) => Ok(*value),
            _ => Err(self.wants(A_BOOL)),
        }
    }

    pub fn integer(&self) -> Result<i64, RuleError> {
        match self.value {
            DeValue::Integer(value) => i64::from_str_radix(value.as_str(), value.radix())
                .map_err(|_| self.error("the number is too large")),
            _ => Err(self.wants(A_NUMBER)),
        }
    }

    pub fn date(&self) -> Result<jiff::civil::Date, RuleError> {
        let date = match self.value {
            DeValue::Datetime(value) if value.time.is_none() => value.to_string().parse().ok(),
            _ => None,
        };
        date.ok_or_else(|| self.wants(A_DATE))
    }

    /// The value as JSON.
    pub fn json(&self) -> Result<serde_json::Value, RuleError> {
        Ok(match self.value {
            DeValue::String(text) => (&**text).into(),
            DeValue::Integer(_) => self.integer()?.into(),
            DeValue::Boolean(value) => (*value).into(),
            DeValue::Float(value) => value.as_str().parse::<f64>().ok().into(),
            DeValue::Datetime(value) => value.to_string().into(),
            DeValue::Array(_) => {
                self.items()?.iter().map(Self::json).collect::<Result<Vec<_>, _>>()?.into()
            }
            DeValue::Table(_) => self
                .pairs()?
                .iter()
                .map(|pair| Ok((pair.key.to_owned(), pair.value.json()?)))
                .collect::<Result<serde_json::Map<_, _>, RuleError>>()?
                .into(),
        })
    }

    fn child(&self, value: &'t Spanned<DeValue<'t>>) -> Self {
        Self { file: self.file, text: self.text, value: value.get_ref(), start: value.span().start }
    }

    /// A complaint about the type of this value.
    pub fn wants(&self, what: &str) -> RuleError {
        let found = match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a point",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(value) if value.time.is_some() => "a date with a time",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let hint = match self.value {
            DeValue::String(text) if what == A_LIST => {
                format!("; write [\"{}\"]", quoted(text).trim_matches('`'))
            }
            DeValue::String(text) if is_meant(what, text) => "; leave the quotes out".to_owned(),
            _ => String::new(),
        };
        self.error(format!("expected {what}, found {found}{hint}"))
    }
}

/// Whether a text holds what is expected.
fn is_meant(what: &str, text: &str) -> bool {
    match what {
        A_NUMBER => text.parse::<i64>().is_ok(),
        A_BOOL => matches!(text, "true" | "false"),
        A_DATE => text.parse::<jiff::civil::Date>().is_ok(),
        _ => false,
    }
}

const A_DATE: &str = "a date such as 2027-06-30";
const A_LIST: &str = "a list";
const A_NUMBER: &str = "a whole number";
const A_BOOL: &str = "true or false";
