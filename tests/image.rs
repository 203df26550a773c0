//! The image: what it is built from.

mod support;

use std::fs;
use std::path::Path;
use support::stack::{files, read};

/// A file that is compiled in and is not sent to the builder fails the build of the image.
#[test]
fn the_image_is_built_from_all_that_is_compiled_in() {
    let ignore = read(".dockerignore");
    let mut lines = ignore.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.next(), Some("*"));
    let sent: Vec<_> = lines.map(|line| line.strip_prefix('!').expect("an exception")).collect();
    let is_sent =
        |path: &str| sent.iter().any(|sent| path == *sent || path.starts_with(&format!("{sent}/")));
    let mut seen = 0;
    for file in files(Path::new("src")) {
        let text = fs::read_to_string(&file).expect("a source");
        for piece in text.split("include_str!(\"").chain(text.split("include_bytes!(\"")).skip(1) {
            let Some((target, _)) = piece.split_once("\")") else { continue };
            let path = file.parent().expect("a folder").join(target);
            let Ok(path) = path.canonicalize() else { continue };
            let root = Path::new(".").canonicalize().expect("a folder");
            let path = path.strip_prefix(&root).expect("in the checkout").to_string_lossy();
            assert!(is_sent(&path), "{path} is compiled into {}", file.display());
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
    for path in ["Cargo.toml", "Cargo.lock", "build.rs", "rig/Cargo.toml", "benches/pipeline.rs"] {
        assert!(is_sent(path), "{path}");
    }
    for path in ["target/debug/cspipe", ".git/HEAD", ".env", "README.md", "tests/compose.rs"] {
        assert!(!is_sent(path), "{path}");
    }
}
