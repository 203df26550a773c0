//! The JSON Schema of rule files, for editors.
//!
//! In: the declarations that the reader goes by: keys, fields, operators, closed sets, reasons.
//! Out: a schema of draft 7, which is what TOML editors know (Taplo, Even Better TOML). It refuses
//! what is misspelled or of the wrong type; what only a set of files or an example can show
//! (unknown ids, list files, examples, canaries) is for `cspipe check`.
//!
//! What stands beside a `$ref` is not read in draft 7, so descriptions stand in what it leads to.

use super::FORMAT;
use super::operator::operators;
use super::word::MAX_ID;
use crate::filter::field::{Field, FieldKind};
use crate::filter::keys::{ExampleKey, FileKey, Operator, OverrideKey, RuleKey, names};
use crate::filter::rule::{Action, Mode};
use crate::report::{Reason, ReportKey};
use serde_json::{Map, Value, json};

/// The schema of a rule file.
pub fn json_schema() -> Value {
    let mut definitions = Map::new();
    for &field in Field::ALL {
        definitions.insert(field.name().to_owned(), of_field(field));
    }
    definitions
        .insert("block".to_owned(), of_block("Questions that must all be answered with yes."));
    definitions.insert("rule".to_owned(), of_rule());
    definitions.insert("override".to_owned(), of_override());
    definitions.insert("example".to_owned(), of_example());
    let mut schema = table(
        "A file of noise rules for cspipe.",
        FileKey::ALL.iter().map(|&key| (key.name(), of_file_key(key))),
        &[FileKey::Format.name()],
    );
    schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    schema["title"] = "cspipe noise rules".into();
    schema["definitions"] = definitions.into();
    schema
}

fn of_file_key(key: FileKey) -> Value {
    match key {
        FileKey::Format => described(json!({ "const": FORMAT }), "The format of the file."),
        FileKey::Pack => text("A name for the rules of this file, for people."),
        FileKey::Rule => list(&reference("rule"), "[[rule]]: what is noise, why, and how we know."),
        FileKey::Override => list(
            &reference("override"),
            "[[override]]: switches off or softens a rule that stands elsewhere.",
        ),
        FileKey::OwnHosts => described(
            json!({
                "type": "object",
                "propertyNames": { "pattern": APP_GLOB },
                "additionalProperties": one_or_many(&host()),
            }),
            "[own_hosts]: an app's name or glob, and the hosts that it calls its own; each counts \
             with everything under it.",
        ),
        FileKey::Enforce => described(
            json!({
                "type": "object",
                "propertyNames": { "pattern": id_pattern() },
                "additionalProperties": apps("The apps for which the rule decides."),
            }),
            "[enforce]: the id of a rule on trial, and the apps for which it decides.",
        ),
    }
}

fn of_rule() -> Value {
    let needed: Vec<_> =
        RuleKey::ALL.iter().filter(|key| key.is_needed()).map(|key| key.name()).collect();
    let mut rule = table(
        "One noise rule.",
        RuleKey::ALL.iter().map(|&key| (key.name(), of_rule_key(key))),
        &needed,
    );
    rule["anyOf"] = json!([{ "required": ["any"] }, { "required": ["all"] }]);
    // A rule that labels has labels.
    rule["if"] = json!({
        "properties": { "action": { "const": Action::Label.name() } },
        "required": ["action"],
    });
    rule["then"] = json!({ "required": ["tags"], "properties": { "tags": { "minItems": 1 } } });
    rule
}

fn of_rule_key(key: RuleKey) -> Value {
    match key {
        RuleKey::Id => described(
            id(),
            "Unique over all files; never reuse or rename it, it is a metric label.",
        ),
        RuleKey::Title => words("A few words for people."),
        RuleKey::Reason => one_of(
            &names(Reason::ALL, Reason::name),
            "Why it is noise; `site` for reasons of your own.",
        ),
        RuleKey::Action => action(),
        RuleKey::Mode => mode(),
        RuleKey::Priority => described(
            json!({ "type": "integer", "default": 100 }),
            "Lower ones decide first; among equals the id.",
        ),
        RuleKey::Apps => apps("The apps that it is meant for, as globs; all if left out."),
        RuleKey::Tags => described(
            json!({ "type": "array", "items": id() }),
            "Labels set on the record; a `label` rule must have some.",
        ),
        RuleKey::Evidence => described(
            json!({ "type": "array", "minItems": 1, "items": words("One piece of evidence.") }),
            "At least one: a bug, an issue, a ticket, the day you saw it.",
        ),
        RuleKey::Expires => date("After this day it no longer filters, and only observes."),
        RuleKey::MayMatchCanary => described(
            json!({ "type": "array", "items": { "type": "string" } }),
            "Canaries that it may match, by name; `*` for all.",
        ),
        RuleKey::Any => list(&reference("block"), "[[rule.any]]: one of these blocks must hold."),
        RuleKey::All => of_block("[rule.all]: one block that must hold as well."),
        RuleKey::Unless => {
            list(&reference("block"), "[[rule.unless]]: if one of these holds, it does not match.")
        }
        RuleKey::Example => list(
            &reference("example"),
            "[[rule.example]]: reports that it must match, and must not. They are run before the \
             rule may judge.",
        ),
    }
}

fn of_override() -> Value {
    let of_key = |key| match key {
        OverrideKey::Id => described(id(), "The rule to change."),
        OverrideKey::Enabled => truth("`false` switches the rule off."),
        OverrideKey::Mode => mode(),
        OverrideKey::Action => action(),
        OverrideKey::Apps => apps("The apps that the rule is meant for from now on."),
        OverrideKey::Expires => date("After this day the rule only observes."),
    };
    table(
        "A change to a rule that stands elsewhere.",
        OverrideKey::ALL.iter().map(|&key| (key.name(), of_key(key))),
        &[OverrideKey::Id.name()],
    )
}

fn of_example() -> Value {
    let of_key = |key| match key {
        ExampleKey::Match => truth("Whether the rule must match this report, or must not."),
        ExampleKey::Why => words("What the example shows; needed where it must not match."),
        ExampleKey::Report => of_report(),
        ExampleKey::Ua => text("The User-Agent header that it comes with."),
        ExampleKey::App => described(
            json!({ "type": "string", "pattern": APP_NAME }),
            "The app that it is reported for.",
        ),
        ExampleKey::Query => text("The query of the URL that it is posted to."),
        ExampleKey::OwnHosts => described(
            one_or_many(&host()),
            "The hosts that the app calls its own; an example knows no other list.",
        ),
    };
    let mut example = table(
        "A report by which the rule is proven.",
        ExampleKey::ALL.iter().map(|&key| (key.name(), of_key(key))),
        &[ExampleKey::Match.name(), ExampleKey::Report.name()],
    );
    example["if"] = json!({
        "properties": { "match": { "const": false } },
        "required": ["match"],
    });
    example["then"] = json!({ "required": ["why"] });
    example
}

fn of_report() -> Value {
    let of_key = |key: ReportKey| {
        let types = if key.is_number() { json!(["integer", "string"]) } else { json!("string") };
        json!({ "type": types, "description": "As the browser reports it." })
    };
    // Completion offers the spelling of report-uri; the others are taken as well.
    let mut report = table(
        "The report: keys as in the body of a report-uri request.",
        ReportKey::ALL.iter().map(|&key| (key.spellings()[0], of_key(key))),
        &[],
    );
    let others: Map<String, Value> = ReportKey::ALL
        .iter()
        .filter(|key| key.spellings().len() > 1)
        .map(|&key| (format!("^({})$", key.spellings()[1..].join("|")), of_key(key)))
        .collect();
    report["patternProperties"] = others.into();
    report["minProperties"] = 1.into();
    report
}

fn of_block(description: &str) -> Value {
    let mut block = table(
        description,
        Field::ALL.iter().map(|field| (field.name(), reference(field.name()))),
        &[],
    );
    block["minProperties"] = 1.into();
    block
}

/// What may be asked of a field.
fn of_field(field: Field) -> Value {
    let allowed = operators(field.kind());
    let mut question = table(
        &of_kind(field),
        allowed.iter().map(|&operator| (operator.name(), of_operator(field, operator))),
        &[],
    );
    question["minProperties"] = 1.into();
    question
}

/// What a field is, for the hint of an editor.
fn of_kind(field: Field) -> String {
    let what = match field.kind() {
        FieldKind::Host => "a host, compared without `www.`",
        FieldKind::Domain => "a registrable domain",
        FieldKind::Keyword => "a word, compared as it is",
        FieldKind::Scheme => "the name of a scheme, in lower case and without colon",
        FieldKind::Closed(_) => "a word of a closed set",
        FieldKind::Number => "a number",
        FieldKind::Text => "a text, written by a stranger",
        FieldKind::Path => "the path of a URL",
        FieldKind::Policy => "the policy that the browser sent along",
    };
    format!("`{}`: {what}. A missing field matches nothing but exists = false.", field.name())
}

fn of_operator(field: Field, operator: Operator) -> Value {
    let value = value(field);
    let (schema, description) = match operator {
        Operator::Is => (one_or_many(&value), "Equal to this."),
        Operator::In => (one_or_many(&value), "Equal to one of these."),
        Operator::Under => (one_or_many(&host()), "This host, or any below it."),
        Operator::List => (
            json!({ "type": "string", "pattern": "^[^/\\\\]+$" }),
            "A file beside this one: one host a line, `.example.com` for all under it.",
        ),
        Operator::Cidr => {
            (one_or_many(&json!({ "type": "string", "pattern": "/[0-9]+$" })), "In this network.")
        }
        Operator::Own => {
            (json!({ "type": "boolean" }), "Whether it is one of the app's own hosts.")
        }
        Operator::Ge => (number(), "Equal or greater."),
        Operator::Gt => (number(), "Greater."),
        Operator::Le => (number(), "Equal or less."),
        Operator::Lt => (number(), "Less."),
        Operator::Starts => (one_or_many(&value), "Begins with this."),
        Operator::Contains => (one_or_many(&value), "Contains this."),
        Operator::Regex => (
            one_or_many(&value),
            "Matches this pattern. Needs a cheaper question beside it in the same block.",
        ),
        Operator::NamesHost => {
            (one_or_many(&host()), "A source of the policy is this host, or one under it.")
        }
        Operator::NamesScheme => (one_or_many(&scheme()), "The scheme is a source of the policy."),
        Operator::Permits => (
            json!({ "type": "boolean" }),
            "Whether the policy allows what was blocked. Needs a cheaper question beside it.",
        ),
        Operator::Exists => (json!({ "type": "boolean" }), "Whether the report has it."),
    };
    described(schema, description)
}

/// What one value of a field looks like.
fn value(field: Field) -> Value {
    match field.kind() {
        FieldKind::Host | FieldKind::Domain => host(),
        FieldKind::Scheme => scheme(),
        FieldKind::Closed(set) => json!({ "enum": set.names() }),
        FieldKind::Number => number(),
        FieldKind::Path => json!({ "type": "string", "pattern": "^[^?#]+$" }),
        FieldKind::Keyword if field == Field::AppName => {
            json!({ "type": "string", "pattern": APP_NAME })
        }
        FieldKind::Keyword | FieldKind::Text | FieldKind::Policy => {
            json!({ "type": "string", "minLength": 1 })
        }
    }
}

fn table<'k>(
    description: &str,
    properties: impl Iterator<Item = (&'k str, Value)>,
    needed: &[&str],
) -> Value {
    let properties: Map<String, Value> =
        properties.map(|(key, schema)| (key.to_owned(), schema)).collect();
    let mut table = json!({
        "type": "object",
        "description": description,
        "properties": properties,
        "additionalProperties": false,
    });
    if !needed.is_empty() {
        table["required"] = needed.into();
    }
    table
}

fn list(items: &Value, description: &str) -> Value {
    described(json!({ "type": "array", "minItems": 1, "items": items }), description)
}

fn one_or_many(one: &Value) -> Value {
    json!({ "anyOf": [one, { "type": "array", "minItems": 1, "items": one }] })
}

fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}

fn reference(definition: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{definition}") })
}

fn action() -> Value {
    one_of(
        &names(Action::ALL, Action::name),
        "keep: never filter this, judged first. filter. label: keep it and add `tags`.",
    )
}

fn mode() -> Value {
    one_of(
        &names(Mode::ALL, Mode::name),
        "enforce (default). observe: it only shows what it would do, but for the apps that \
         [enforce] names.",
    )
}

fn apps(description: &str) -> Value {
    described(
        json!({
            "type": "array",
            "minItems": 1,
            "items": { "type": "string", "pattern": APP_GLOB },
        }),
        description,
    )
}

fn one_of(names: &[&str], description: &str) -> Value {
    json!({ "enum": names, "description": description })
}

fn id() -> Value {
    json!({ "type": "string", "pattern": id_pattern() })
}

fn id_pattern() -> String {
    format!("^[a-z0-9-]{{1,{MAX_ID}}}$")
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn words(description: &str) -> Value {
    json!({ "type": "string", "pattern": "\\S", "description": description })
}

fn truth(description: &str) -> Value {
    json!({ "type": "boolean", "description": description })
}

/// Editors hand a date of TOML to the schema as text.
fn date(description: &str) -> Value {
    json!({
        "type": "string",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        "description": description,
    })
}

/// A host has no scheme, port, path, star, white space or user info; the rest is for `cspipe
/// check`.
fn host() -> Value {
    json!({ "type": "string", "pattern": "^[^/@?#*%\\\\\\s.:\\[][^/@?#*%\\\\\\s:]*$|^\\[[0-9a-fA-F:.]+\\]$" })
}

fn scheme() -> Value {
    json!({ "type": "string", "pattern": "^[a-z][a-z0-9+._-]*$" })
}

fn number() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
}

const APP_NAME: &str = "^[A-Za-z0-9._-]{1,64}$";
const APP_GLOB: &str = "^[A-Za-z0-9._-]*\\*?[A-Za-z0-9._-]*$";
