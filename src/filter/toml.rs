//! TOML values that know where they stand.

use super::error::RuleError;
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
pub fn parse<T>(
    file: &str,
    text: &str,
    read: impl FnOnce(Node<'_>) -> Result<T, Vec<RuleError>>,
) -> Result<T, Vec<RuleError>> {
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        vec![RuleError::at(file, text, at, error.message())]
    })?;
    let start = table.span().start;
    let value = DeValue::Table(table.into_inner());
    read(Node { file, text, value: &value, start })
}

/// Reads every table of a list of tables, and goes on after a mistake.
pub fn collect<'t>(
    value: &Node<'t>,
    errors: &mut Vec<RuleError>,
    mut read: impl FnMut(&Node<'t>) -> Result<(), RuleError>,
) {
    match value.items() {
        Ok(items) => errors.extend(items.iter().filter_map(|item| read(item).err())),
        Err(error) => errors.push(error),
    }
}

/// A complaint about a key that nothing reads.
pub fn unknown_key(pair: &Pair<'_>, allowed: &str) -> RuleError {
    let mut error =
        pair.value.error_at(pair.key_start, format!("unknown key; expected one of {allowed}"));
    error.key = Some(pair.key.to_owned());
    error
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

    pub fn items(&self) -> Result<Vec<Self>, RuleError> {
        let DeValue::Array(array) = self.value else {
            return Err(self.wants("a list"));
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

    pub fn strings(&self) -> Result<Vec<String>, RuleError> {
        self.items()?.iter().map(|item| item.string().map(str::to_owned)).collect()
    }

    pub fn bool(&self) -> Result<bool, RuleError> {
        match self.value {
            DeValue::Boolean(value) => Ok(*value),
            _ => Err(self.wants("true or false")),
        }
    }

    pub fn integer(&self) -> Result<i64, RuleError> {
        match self.value {
            DeValue::Integer(value) => i64::from_str_radix(value.as_str(), value.radix())
                .map_err(|_| self.error("the number is too large")),
            _ => Err(self.wants("a whole number")),
        }
    }

    pub fn date(&self) -> Result<jiff::civil::Date, RuleError> {
        match self.value {
            DeValue::Datetime(value) if value.time.is_none() => value.to_string().parse().ok(),
            _ => None,
        }
        .ok_or_else(|| self.wants("a date such as 2027-06-30"))
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

    fn wants(&self, what: &str) -> RuleError {
        let found = match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.error(format!("expected {what}, found {found}"))
    }
}
