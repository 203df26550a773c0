//! ECS names: asked by either name, the answer is the same, and it is the right one.

use crate::elastic::client::Client;
use crate::elastic::records::{Record, Records};
use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Asks by every alias and by the field it stands for; tells how many there are.
pub fn prove(client: &Client, fields: &Map<String, Value>, records: &Records) -> Result<usize> {
    let mut aliases = 0;
    for (alias, mapping) in fields {
        let Some(path) = mapping.get("path").and_then(Value::as_str) else { continue };
        let (by_alias, by_field) = (groups(client, alias)?, groups(client, path)?);
        ensure!(by_alias == by_field, "{alias} and {path} are grouped differently");
        let holders: Vec<&Record> =
            records.all().filter(|record| record.fields.get(path).is_some()).collect();
        let distinct: BTreeSet<String> =
            holders.iter().map(|record| record.fields[path].to_string()).collect();
        let buckets = by_alias.as_array().context("buckets")?;
        ensure!(!buckets.is_empty(), "no record has {path}, so nothing is shown of {alias}");
        // More than a bucket each is not given.
        ensure!(
            buckets.len() == distinct.len().min(GROUPS),
            "{alias} has {} values where the records have {}",
            buckets.len(),
            distinct.len()
        );
        let found = client.count(EVERYWHERE, &json!({ "exists": { "field": alias } }))?;
        ensure!(found == holders.len() as u64, "{alias}: {found} of {} have it", holders.len());
        let value = &holders[0].fields[path];
        let expected = holders.iter().filter(|record| record.fields[path] == *value).count();
        let found = client.count(EVERYWHERE, &json!({ "term": { alias: value } }))?;
        ensure!(found == expected as u64, "{alias}:{value} finds {found} of {expected}");
        aliases += 1;
    }
    Ok(aliases)
}

fn groups(client: &Client, field: &str) -> Result<Value> {
    let terms = json!({ "terms": { "field": field, "size": GROUPS } });
    let search = json!({ "size": 0, "aggs": { "groups": terms } });
    let mut answer = client.search(EVERYWHERE, &search)?;
    Ok(answer["aggregations"]["groups"]["buckets"].take())
}

const EVERYWHERE: &str = "logs-csp.*";

/// As many groups as a server gives by default.
const GROUPS: usize = 10_000;
