//! How a question is written: the operators of each type, and what they take.
//!
//! In: one field of a block, as TOML. Out: its [`Condition`]s, in which nothing can be wrong any
//! more, or every mistake with its place.

use crate::filter::condition::{Condition, Test, Words};
use crate::filter::error::{RuleError, all};
use crate::filter::field::{Field, FieldKind};
use crate::filter::keys::{ExampleKey, Operator, RuleKey, names};
use crate::filter::spelling::{quoted, unknown};
use crate::filter::toml::{Node, Pair};
use crate::filter::value::{self, Lists};

/// Reads what a block asks about one field.
///
/// `lists` finds the text of a list file.
pub fn read(pair: &Pair<'_>, lists: &Lists<'_>) -> Result<Vec<Condition>, Vec<RuleError>> {
    let Some(field) = Field::from_name(pair.key) else {
        return Err(pair.value.error_at(pair.key_start, unknown_field(pair.key)).into());
    };
    let allowed = operators(field.kind());
    if !pair.value.is_table() {
        let first = allowed.first().map_or("is", |operator| operator.name());
        let message = format!("expected a question such as {{ {first} = … }}");
        return Err(pair.value.error(message).into());
    }
    let asked = pair.value.pairs()?;
    if asked.is_empty() {
        let message = format!("asks nothing; expected one of {}", listed(allowed));
        return Err(pair.value.error(message).into());
    }
    all(asked.iter().map(|asked| {
        let operator = Operator::from_name(asked.key).filter(|known| allowed.contains(known));
        let Some(operator) = operator else {
            let what = format!("`{}` has no operator {}", field.name(), quoted(asked.key));
            let message = unknown(&what, asked.key, &names(allowed, Operator::name));
            return Err(Vec::from(asked.value.error_at(asked.key_start, message)));
        };
        Ok(Condition {
            field,
            test: test(field, operator, &asked.value, lists)?,
            written: format!("{} {} {}", field.name(), asked.key, asked.value.json()?),
            place: Box::new(asked.value.error_at(asked.key_start, "")),
        })
    }))
}

/// What may be asked of a type. No text of a URL can be searched: an attacker writes it.
pub const fn operators(kind: FieldKind) -> &'static [Operator] {
    use Operator::{
        Cidr, Contains, Exists, Ge, Gt, In, Is, Le, List, Lt, NamesHost, NamesScheme, Own, Permits,
        Regex, Starts, Under,
    };
    match kind {
        FieldKind::Host => &[Is, In, Under, List, Cidr, Own, Exists],
        FieldKind::Domain | FieldKind::Keyword | FieldKind::Scheme | FieldKind::Closed(_) => {
            &[Is, In, Exists]
        }
        FieldKind::Number => &[Is, In, Ge, Gt, Le, Lt, Exists],
        FieldKind::Text => &[Starts, Contains, Regex, Exists],
        FieldKind::Path => &[Is, In, Starts, Regex],
        FieldKind::Policy => &[NamesHost, NamesScheme, Permits, Exists],
    }
}

/// Says of a key of a block that it is no field, and where it belongs if it is something else.
fn unknown_field(key: &str) -> String {
    if RuleKey::from_name(key).is_some() {
        return format!(
            "`{key}` is a key of the rule, no field: write it above [rule.all] and [[rule.…]]; \
             in TOML all that follows such a line belongs to it"
        );
    }
    if ExampleKey::from_name(key).is_some() {
        return format!("`{key}` is a key of an example, no field: write it into [[rule.example]]");
    }
    unknown("unknown field", key, &names(Field::ALL, Field::name))
}

fn listed(operators: &[Operator]) -> String {
    names(operators, Operator::name).join(", ")
}

fn test(
    field: Field,
    operator: Operator,
    value: &Node<'_>,
    lists: &Lists<'_>,
) -> Result<Test, Vec<RuleError>> {
    let exact = |exact| Test::Words { exact, under: Words::default() };
    Ok(match operator {
        Operator::Exists => Test::Exists(value.bool()?),
        Operator::Own => Test::Own(value.bool()?),
        Operator::Permits => Test::Permits(value.bool()?),
        Operator::List => value::list(value, lists)?,
        Operator::Cidr => Test::Cidr(value::each(value, value::network)?),
        Operator::Under => Test::Words { exact: Words::default(), under: value::hosts(value)? },
        Operator::NamesHost => Test::NamesHost(value::hosts(value)?),
        Operator::NamesScheme => {
            Test::NamesScheme(value::each(value, value::scheme)?.into_iter().collect())
        }
        Operator::Starts => {
            Test::Starts(value::each(value, |one| value::word(field, one).map(String::from))?)
        }
        Operator::Contains => Test::Contains(value::each(value, value::non_empty)?),
        Operator::Regex => Test::Regex(value::patterns(value)?),
        Operator::Is | Operator::In if field.kind() == FieldKind::Number => {
            Test::Numbers(value::each(value, value::number)?)
        }
        Operator::Is | Operator::In => {
            exact(value::each(value, |one| value::word(field, one))?.into_iter().collect())
        }
        Operator::Ge => Test::Range(value::number(value)?, None),
        Operator::Gt => Test::Range(value::number(value)?.saturating_add(1), None),
        Operator::Lt => Test::Range(0, Some(value::number(value)?)),
        Operator::Le => Test::Range(0, Some(value::number(value)?.saturating_add(1))),
    })
}
