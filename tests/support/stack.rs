//! `docker-compose.yml` as it is after anchors, variables and defaults, and other files of the checkout.
//!
//! Read from `tests/compose/model.json`, which `scripts/compose-check --write` writes.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// All of it: `sources`, `enabled` by what a user asks for, `services`.
pub fn model() -> Value {
    serde_json::from_str(&read("tests/compose/model.json")).expect("JSON")
}

pub fn services() -> BTreeMap<String, Value> {
    serde_json::from_value(model()["services"].clone()).expect("services")
}

pub fn service(name: &str) -> Value {
    services().remove(name).unwrap_or_else(|| panic!("no service {name}"))
}

/// What cspipe reads of a service's environment.
pub fn variables(service: &Value) -> BTreeMap<String, String> {
    let all = service["environment"].as_object().into_iter().flatten();
    all.filter(|(name, _)| name.starts_with("CSPIPE_"))
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

pub fn command(service: &Value) -> Vec<String> {
    service["command"].as_array().into_iter().flatten().map(text).collect()
}

/// The health check in one line.
pub fn health(service: &Value) -> String {
    let words = service["healthcheck"]["test"].as_array().expect("a health check");
    words.iter().map(text).collect::<Vec<_>>().join(" ")
}

/// Ports inside the container, and on the machine.
pub fn ports(service: &Value) -> Vec<(u16, u16)> {
    let ports = service["ports"].as_array().into_iter().flatten();
    ports
        .map(|port| {
            let inside = port["target"].as_u64().and_then(|port| u16::try_from(port).ok());
            (inside.expect("a port"), text(&port["published"]).parse().expect("a port"))
        })
        .collect()
}

/// Files and folders of the checkout, and where they are in the container.
pub fn mounts(service: &Value) -> BTreeMap<String, String> {
    let volumes = service["volumes"].as_array().into_iter().flatten();
    volumes
        .filter(|volume| volume["type"] == "bind")
        .map(|volume| (text(&volume["source"]), text(&volume["target"])))
        .collect()
}

/// A text without quotes; anything else as JSON.
pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A file of the checkout.
pub fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// All files below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("one").path());
    let (folders, mut all): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    all.extend(folders.iter().flat_map(|folder| files(folder)));
    all.sort();
    all
}
