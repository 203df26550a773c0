//! The text of a policy: it is taken apart without end or panic, and what was taken apart and
//! written down again has the same key.
#![no_main]

use cspipe::policy::{Directive, Policy, Source, policy_key};
use cspipe::report::RawReport;
use cspipe_fuzz::{delivery, stages};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let again = written(Policy::new(text));
    for page in [None, Some("shop.example")] {
        let key = policy_key(text, page);
        assert_eq!(key.len(), 16);
        assert_eq!(policy_key(&again, page), key, "{again:?}");
        // Order does not matter, nor do the blanks.
        assert_eq!(policy_key(&reversed(&again), page), key, "{again:?}");
    }
    for directive in Directive::ALL {
        let sources = Policy::new(text).governing(directive);
        let sources_again = Policy::new(&again).governing(directive);
        assert_eq!(
            sources.map(|sources| sources.allow_all_inline()),
            sources_again.map(|sources| sources.allow_all_inline()),
            "{directive:?} of {again:?}"
        );
    }

    // Scrubbing is not noticed by the key a second time.
    let raw = RawReport {
        document_uri: Some("https://shop.example/".into()),
        blocked_uri: Some("".into()),
        violated_directive: Some("script-src".into()),
        original_policy: Some(text.into()),
        ..RawReport::default()
    };
    let once = stages().normalize(raw);
    let twice = stages().normalize(once.to_raw());
    assert_eq!(once, twice);
    let hash = |violation| stages().derive(violation, &delivery(None)).policy_hash;
    assert_eq!(hash(&once), hash(&twice));
});

/// Writes a policy down from its parts.
fn written(policy: Policy<'_>) -> String {
    let mut text = String::new();
    for (name, sources) in policy.directives() {
        text.push_str(name);
        for source in sources.iter() {
            text.push_str("\t ");
            match source {
                Source::Keyword(word) => text.push_str(&format!("'{word}'")),
                Source::Nonce => text.push_str("'NONCE-x'"),
                Source::Hash(hash) => text.push_str(&format!("'{hash}'")),
                Source::Scheme(scheme) => text.push_str(&format!("{scheme}:")),
                Source::Host(host) => text.push_str(host),
            }
        }
        text.push_str(" ;; ");
    }
    text
}

/// The same directives, the last one first.
fn reversed(text: &str) -> String {
    text.rsplit(';').collect::<Vec<_>>().join(";")
}
