//! The rules that are compiled in, so that the bare binary works in any directory.

use super::compile::Sources;

/// The files of `filters/` as they were when this was built.
pub fn shipped() -> Sources {
    let text = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    Sources {
        origin: "built in".to_owned(),
        files: FILES.iter().filter(|(name, _)| name.ends_with(".toml")).map(text).collect(),
        lists: FILES.iter().filter(|(name, _)| name.ends_with(".txt")).map(text).collect(),
        unreadable: Vec::new(),
    }
}

/// Everything that `cspipe init` writes to `filters/`. A test holds it against the folder.
pub const FILES: &[(&str, &str)] = &[
    ("README.md", include_str!("../../filters/README.md")),
    ("browser-bugs.toml", include_str!("../../filters/browser-bugs.toml")),
    ("browser-extensions-hosts.txt", include_str!("../../filters/browser-extensions-hosts.txt")),
    ("browser-extensions.toml", include_str!("../../filters/browser-extensions.toml")),
    ("browser-internals.toml", include_str!("../../filters/browser-internals.toml")),
    ("crawlers.toml", include_str!("../../filters/crawlers.toml")),
    ("foreign-pages.toml", include_str!("../../filters/foreign-pages.toml")),
    ("in-app-browsers-hosts.txt", include_str!("../../filters/in-app-browsers-hosts.txt")),
    ("in-app-browsers.toml", include_str!("../../filters/in-app-browsers.toml")),
    ("local-development.toml", include_str!("../../filters/local-development.toml")),
    ("malware-adware-hosts.txt", include_str!("../../filters/malware-adware-hosts.txt")),
    ("malware-adware-sources.txt", include_str!("../../filters/malware-adware-sources.txt")),
    ("malware-adware.toml", include_str!("../../filters/malware-adware.toml")),
    ("middleboxes.toml", include_str!("../../filters/middleboxes.toml")),
    ("outdated-browsers.toml", include_str!("../../filters/outdated-browsers.toml")),
    ("page-replay-hosts.txt", include_str!("../../filters/page-replay-hosts.txt")),
    ("page-replay.toml", include_str!("../../filters/page-replay.toml")),
    ("rules.schema.json", include_str!("../../filters/rules.schema.json")),
    ("user-scripts.toml", include_str!("../../filters/user-scripts.toml")),
];
