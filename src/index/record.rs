//! What a topic holds, as far as the indexer must know it.
//!
//! In: the value of one Kafka record, which may be anything. Out: its `id`, or why it cannot be
//! indexed. The whole of it is read once, so that nothing that Elasticsearch would choke on gets
//! into a request with others; nothing of it is kept or changed.

use serde::Deserialize;
use std::borrow::Cow;

/// Why a value cannot be sent to Elasticsearch at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Kafka has no value there: it is what deletes a key in a compacted topic.
    NoValue,
    NotUtf8,
    NotAnObject,
    Syntax,
    /// An object without a text `id`, or with two.
    NoId,
    /// Elasticsearch takes ids of 512 bytes at most.
    IdLength,
}

/// Reads the `id` of a record.
pub(super) fn id(value: Option<&[u8]>) -> Result<Cow<'_, str>, Unfit> {
    #[derive(Deserialize)]
    struct Record<'v> {
        #[serde(borrow)]
        id: Cow<'v, str>,
    }

    // serde_json does not look into the bytes of strings that it skips.
    let text = std::str::from_utf8(value.ok_or(Unfit::NoValue)?).map_err(|_| Unfit::NotUtf8)?;
    if !text.trim_start_matches(WHITE).starts_with('{') {
        return Err(Unfit::NotAnObject);
    }
    let record: Record<'_> = serde_json::from_str(text)
        .map_err(|error| if error.is_data() { Unfit::NoId } else { Unfit::Syntax })?;
    if record.id.is_empty() || record.id.len() > MAX_ID {
        return Err(Unfit::IdLength);
    }
    Ok(record.id)
}

impl Unfit {
    /// What is told of it in the record's specimen.
    pub(super) const fn told(self) -> &'static str {
        match self {
            Self::NoValue => "not sent: the Kafka record has no value",
            Self::NotUtf8 => "not sent: no UTF-8",
            Self::NotAnObject => "not sent: no JSON object",
            Self::Syntax => "not sent: no sound JSON",
            Self::NoId => "not sent: no text `id`, or two of them",
            Self::IdLength => "not sent: `id` must have 1 to 512 bytes",
        }
    }
}

const WHITE: [char; 4] = [' ', '\t', '\r', '\n'];
const MAX_ID: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_with_an_id_is_fit() {
        for (name, value, expected) in [
            ("a record", br#"{"a":1,"id":"x","b":[{}]}"#.as_slice(), Ok("x")),
            ("white space", b" \n{\n\"id\" : \"x\"\n}\n", Ok("x")),
            ("escapes", br#"{"id":"\u00e9\"\n"}"#, Ok("é\"\n")),
            ("empty", b"", Err(Unfit::NotAnObject)),
            ("a list", br#"["x"]"#, Err(Unfit::NotAnObject)),
            ("a text", br#""x""#, Err(Unfit::NotAnObject)),
            ("null", b"null", Err(Unfit::NotAnObject)),
            ("cut off", br#"{"id":"x","a":"#, Err(Unfit::Syntax)),
            ("two objects", br#"{"id":"x"}{"id":"y"}"#, Err(Unfit::Syntax)),
            ("an action behind it", b"{\"id\":\"x\"}\n{\"delete\":{}}", Err(Unfit::Syntax)),
            ("a newline in a text", b"{\"id\":\"x\",\"a\":\"1\n2\"}", Err(Unfit::Syntax)),
            ("a newline in a key", b"{\"id\":\"x\",\"a\n\":1}", Err(Unfit::Syntax)),
            ("a newline in the id", b"{\"id\":\"x\ny\"}", Err(Unfit::Syntax)),
            ("no id", br#"{"a":"x"}"#, Err(Unfit::NoId)),
            ("a number", br#"{"id":7}"#, Err(Unfit::NoId)),
            ("two ids", br#"{"id":"x","id":"y"}"#, Err(Unfit::NoId)),
            ("an empty id", br#"{"id":""}"#, Err(Unfit::IdLength)),
            ("no UTF-8", b"{\"id\":\"x\",\"a\":\"\xff\"}", Err(Unfit::NotUtf8)),
        ] {
            assert_eq!(id(Some(value)).as_deref(), expected.as_deref(), "{name}");
        }
        assert_eq!(id(None), Err(Unfit::NoValue));
        let long = format!("{{\"id\":\"{}\"}}", "x".repeat(513));
        assert_eq!(id(Some(long.as_bytes())), Err(Unfit::IdLength));
    }

    #[test]
    fn depth_is_elasticsearchs_to_judge() {
        let deep = format!("{{\"id\":\"x\",\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(id(Some(deep.as_bytes())).as_deref(), Ok("x"));
    }
}
