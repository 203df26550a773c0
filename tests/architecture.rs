//! The house rules: which module may import which.

use std::collections::BTreeMap;
use std::path::Path;

/// Modules in the order in which data flows; a module imports from those before it only.
const ORDER: &[&str] = &[
    "policy",
    "report",
    "decode",
    "normalize",
    "derive",
    "filter",
    "metrics",
    "store",
    "publish",
    "pipeline",
    "proof",
    "replay",
    "explain",
    "reload",
    "http",
    "index",
    "settings",
    "app",
];

/// The verbs. They take nouns and give nouns, and do not know each other.
const STAGES: &[&str] = &["decode", "normalize", "derive", "filter"];

/// What a stage never touches: the clock, files, sockets, metrics, waiting.
const IMPURE: &[&str] = &[
    "Timestamp::now",
    "SystemTime",
    "Instant::now",
    "std::net::Tcp",
    "std::fs",
    "tokio",
    "prometheus",
    "tracing",
    "async ",
    ".await",
    "std::thread",
];

#[test]
fn imports_point_one_way() {
    let rank = |module: &str| ORDER.iter().position(|known| *known == module);
    for (module, text) in sources() {
        let own = rank(&module).unwrap_or_else(|| panic!("{module} has no place in the order"));
        for imported in imports(&text) {
            let Some(other) = rank(&imported) else { continue };
            assert!(other <= own, "{module} imports {imported}, which comes after it");
            let both_stages =
                STAGES.contains(&module.as_str()) && STAGES.contains(&imported.as_str());
            assert!(!both_stages || module == imported, "stage {module} imports stage {imported}");
        }
    }
}

#[test]
fn the_library_declares_its_modules_in_order() {
    let text = std::fs::read_to_string(root().join("lib.rs")).expect("lib.rs is there");
    let declared: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(declared, ORDER);
}

#[test]
fn stages_are_pure() {
    for (module, text) in sources() {
        if !STAGES.contains(&module.as_str()) {
            continue;
        }
        for word in IMPURE {
            assert!(!text.contains(word), "{module} holds `{word}`");
        }
    }
}

/// The code of each module of the library, without comments and tests.
fn sources() -> BTreeMap<String, String> {
    let mut sources: BTreeMap<String, String> = BTreeMap::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inside = path.strip_prefix(root()).expect("below the root");
            let first = inside.components().next().expect("a name").as_os_str().to_string_lossy();
            let module = first.trim_end_matches(".rs").to_owned();
            let is_code = path.extension().is_some_and(|extension| extension == "rs");
            let is_test = inside
                .components()
                .any(|part| part.as_os_str().to_string_lossy().starts_with("tests"));
            if !is_code || is_test || matches!(module.as_str(), "lib" | "main" | "cli") {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a source file");
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(&text);
            let code: String = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .flat_map(|line| [line, "\n"])
                .collect();
            sources.entry(module).or_default().push_str(&code);
        }
    }
    sources
}

/// The top-level modules that a text names behind `crate::`.
fn imports(text: &str) -> Vec<String> {
    let mut imports = Vec::new();
    for part in text.split("crate::").skip(1) {
        let list = match part.strip_prefix('{') {
            // `use crate::{a, b::{c, d}, e};`: names at the first level of the braces.
            Some(rest) => {
                let mut depth = 0usize;
                let end = rest.find([';']).unwrap_or(rest.len());
                rest[..end]
                    .split(|letter| {
                        match letter {
                            '{' => depth += 1,
                            '}' => depth = depth.saturating_sub(1),
                            _ => {}
                        }
                        letter == ',' && depth == 0
                    })
                    .map(str::trim)
                    .collect()
            }
            None => vec![part],
        };
        for name in list {
            let end = name
                .find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))
                .unwrap_or(name.len());
            imports.push(name[..end].to_owned());
        }
    }
    imports
}

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn the_reader_of_imports_sees_all_forms() {
    let text =
        "use crate::{derive, http::{self, x}, store};\nuse crate::report::A;\ncrate::policy::b()";
    assert_eq!(imports(text), ["derive", "http", "store", "report", "policy"]);
}
