//! Properties of librdkafka, as they are written in settings.
//!
//! In: names and values in every form that TOML and the environment allow. Out: texts by the names
//! that librdkafka knows, and which of them are not to be set. Whether the others are right is
//! librdkafka's to judge.

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Properties of librdkafka as they were given.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Properties(BTreeMap<String, String>);

impl Properties {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter()
    }

    pub(super) fn of(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The first property that is not to be set, and why.
    pub(super) fn refused(&self) -> Option<(&str, &'static str)> {
        self.first_of(REFUSED)
    }

    /// The first property that stands in a table of names and reasons.
    pub(crate) fn first_of(&self, table: &[(&str, &'static str)]) -> Option<(&str, &'static str)> {
        let names = self.0.keys();
        names.map(String::as_str).find_map(|name| {
            let (_, why) = table.iter().find(|(refused, _)| *refused == name)?;
            Some((name, *why))
        })
    }
}

/// Values may be passwords.
impl fmt::Debug for Properties {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.0.keys()).finish()
    }
}

/// Names may be written with quotes, or without (`sasl.username = "x"` is a table in TOML), and in
/// the environment with underscores; values as texts, numbers or truth values.
impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Properties;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("properties of librdkafka, such as \"client.id\" = \"edge\"")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Properties, A::Error> {
                let mut properties = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
                    flatten(&property_name(&name), value, &mut properties)
                        .map_err(Error::custom)?;
                }
                Ok(Properties(properties))
            }
        }

        from.deserialize_map(Names)
    }
}

fn flatten(
    name: &str,
    value: serde_json::Value,
    into: &mut BTreeMap<String, String>,
) -> Result<(), String> {
    use serde_json::Value;
    match value {
        Value::String(text) => into.insert(name.to_owned(), text),
        Value::Number(number) => into.insert(name.to_owned(), number.to_string()),
        Value::Bool(truth) => into.insert(name.to_owned(), truth.to_string()),
        Value::Object(inner) => {
            for (part, value) in inner {
                flatten(&format!("{name}.{}", property_name(&part)), value, into)?;
            }
            None
        }
        Value::Null | Value::Array(_) => {
            return Err(format!("`{name}`: expected a text, a number or true or false"));
        }
    };
    Ok(())
}

/// A property's name as librdkafka writes it. Only a few have underscores; dots are hard to write
/// in the name of a variable.
fn property_name(name: &str) -> String {
    let name = name.to_lowercase();
    if WITH_UNDERSCORE.contains(&name.as_str()) { name } else { name.replace('_', ".") }
}

const WITH_UNDERSCORE: &[&str] = &["log_level"];

const OWN: &str = "it decides what a 204 means";
const UNSAFE: &str = "whoever stands between could read and change every report";

/// Properties that are cspipe's to set, or that would break its promise, and why.
const REFUSED: &[(&str, &str)] = &[
    ("bootstrap.servers", "use kafka.brokers"),
    ("metadata.broker.list", "use kafka.brokers"),
    ("acks", OWN),
    ("request.required.acks", OWN),
    ("enable.idempotence", OWN),
    ("enable.gapless.guarantee", "one record that fails would stop the producer for good"),
    ("transactional.id", "there are no transactions here"),
    ("delivery.report.only.error", "receipts are made of delivery reports"),
    ("message.timeout.ms", "it follows from kafka.ack_timeout"),
    ("delivery.timeout.ms", "it follows from kafka.ack_timeout"),
    ("message.send.max.retries", OWN),
    ("retries", OWN),
    ("linger.ms", "use kafka.linger"),
    ("queue.buffering.max.ms", "use kafka.linger"),
    ("compression.type", "use kafka.compression"),
    ("compression.codec", "use kafka.compression"),
    ("queue.buffering.max.kbytes", "use kafka.queue_bytes"),
    ("queue.buffering.max.messages", "use kafka.queue_bytes"),
    ("statistics.interval.ms", "the metrics are made of the statistics"),
    ("enable.ssl.certificate.verification", UNSAFE),
    ("ssl.endpoint.identification.algorithm", UNSAFE),
    ("test.mock.num.brokers", "records would go to a broker that is none"),
    ("test.mock.broker.rtt", "records would go to a broker that is none"),
];
