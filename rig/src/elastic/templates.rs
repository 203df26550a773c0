//! Installs the templates as `config/elasticsearch/README.md` says.

use crate::elastic::client::Client;
use crate::elastic::server::Flavour;
use anyhow::{Context, Result};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Each request, in order: its path, and the file that is its body.
pub fn requests(flavour: Flavour) -> Vec<(String, String)> {
    let own = flavour.name();
    let components = COMPONENTS.map(|name| {
        (format!("/_component_template/{name}"), format!("config/{own}/component/{name}.json"))
    });
    let templates = TEMPLATES.map(|name| {
        (format!("/_index_template/{name}"), format!("config/elasticsearch/template/{name}.json"))
    });
    components.into_iter().chain(templates).collect()
}

/// Installs all of them.
pub fn install(client: &Client, flavour: Flavour) -> Result<()> {
    for (path, file) in requests(flavour) {
        client.put(&path, &read(Path::new(&file))?)?;
    }
    Ok(())
}

/// The fields that the records of a flavour's index have, by name.
pub fn fields(flavour: Flavour) -> Result<serde_json::Map<String, Value>> {
    let file = format!("config/{}/component/csp-fields.json", flavour.name());
    let component = read(Path::new(&file))?;
    let fields = component["template"]["mappings"]["properties"].as_object();
    fields.cloned().context("properties")
}

fn read(file: &Path) -> Result<Value> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| file.display().to_string())
}

const COMPONENTS: [&str; 2] = ["csp-fields", "csp-settings"];
const TEMPLATES: [&str; 4] = ["csp-violation", "csp-filtered", "csp-rejected", "csp-other"];
