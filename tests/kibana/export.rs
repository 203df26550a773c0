//! The shipped saved objects, read.

use serde_json::{Map, Value};

pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Which product a file is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Product {
    Kibana,
    OpenSearchDashboards,
}

pub const PRODUCTS: [Product; 2] = [Product::Kibana, Product::OpenSearchDashboards];

/// The objects of a file, and its last line.
pub struct Export {
    pub objects: Vec<Value>,
    pub summary: Value,
}

impl Export {
    pub fn of(product: Product) -> Self {
        let mut objects: Vec<Value> = text(product)
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line is JSON"))
            .collect();
        let summary = objects.pop().expect("a last line");
        Self { objects, summary }
    }

    pub fn kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |object| object["type"] == kind)
    }

    pub fn get(&self, kind: &str, id: &str) -> &Value {
        self.kind(kind)
            .find(|object| object["id"] == id)
            .unwrap_or_else(|| panic!("no {kind} {id}"))
    }

    /// The object that a reference of another names.
    pub fn referred(&self, from: &Value, name: &str) -> &Value {
        let reference = list(&from["references"])
            .iter()
            .find(|reference| reference["name"] == name)
            .unwrap_or_else(|| panic!("{} has no reference {name}", from["id"]));
        self.get(str(&reference["type"]), str(&reference["id"]))
    }
}

pub fn path(product: Product) -> String {
    let folder = match product {
        Product::Kibana => "kibana",
        Product::OpenSearchDashboards => "opensearch-dashboards",
    };
    format!("{ROOT}/config/{folder}/cspipe.ndjson")
}

pub fn text(product: Product) -> String {
    std::fs::read_to_string(path(product)).expect("it is there")
}

pub fn str(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

pub fn map(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap_or_else(|| panic!("{value} is no object"))
}

/// JSON within JSON.
pub fn unpacked(value: &Value) -> Value {
    serde_json::from_str(str(value)).unwrap_or_else(|error| panic!("{error} in {value}"))
}

pub fn panels(dashboard: &Value) -> Vec<Value> {
    list(&unpacked(&dashboard["attributes"]["panelsJSON"])).to_vec()
}
