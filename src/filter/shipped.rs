//! The rules that are compiled in, so that the bare binary works in any directory.

use super::compile::Sources;

/// The files of `filters/` as they were when this was built.
pub fn shipped() -> Sources {
    let text = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    Sources {
        origin: "built in".to_owned(),
        files: FILES.iter().filter(|(name, _)| name.ends_with(".toml")).map(text).collect(),
        lists: FILES.iter().filter(|(name, _)| name.ends_with(".txt")).map(text).collect(),
    }
}

/// Everything that `cspipe init` writes to `filters/`. A test holds it against the folder.
pub const FILES: &[(&str, &str)] = &[
    ("README.md", include_str!("../../filters/README.md")),
    ("browser-extensions.toml", include_str!("../../filters/browser-extensions.toml")),
    ("browser-internals.toml", include_str!("../../filters/browser-internals.toml")),
    ("user-scripts.toml", include_str!("../../filters/user-scripts.toml")),
];
