//! The splitter and the `url` crate give the same answer, whatever the text.

#[path = "reference/url.rs"]
mod reference;

use proptest::prelude::*;
use reference::check;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4096) })]

    #[test]
    fn on_texts_that_look_like_urls(
        text in "(?i)(https?|wss?|ftp|data|[a-z-]{1,8}):?[/\\\\]{0,3}([a-z0-9:]{0,4}@)?[a-z0-9.%_-]{0,20}(:[0-9]{0,6})?([/?#\\\\.%][a-z0-9./?#&=%'\"<>^|{} -]{0,20})?"
    ) {
        check(&text);
    }

    #[test]
    fn on_hosts_of_every_kind(host in "[a-z0-9.-]{1,30}|[0-9.x]{1,18}|\\[[0-9a-f:.]{2,20}\\]|\\PC{1,10}|(xn--)?[a-z0-9-]{1,12}\\.[a-z0-9]{1,6}") {
        check(&format!("https://{host}/a"));
        check(&format!("http://{host}"));
    }

    #[test]
    fn on_anything(text in "\\PC{0,40}") {
        check(&text);
    }
}

#[test]
fn on_urls_that_are_known_to_be_odd() {
    let texts = [
        "http://a.b.c",
        "http://a.b.c.",
        "http://1.2.3",
        "http://1.2.3.4.5",
        "http://0x7f.1/",
        "http://a..b/",
        "http://.a/",
        "http://-a-/",
        "http://a_b/",
        "http://r3---sn-x.test/",
        "http://xn--a/",
        "http://a.xn--bcher-kva/",
        "http://a:/",
        "http://a:0/",
        "http://a:00080/",
        "http://a:65536/",
        "http://a/%2e%2e/b",
        "http://a/./b",
        "http://a/.b",
        "http://a/b..",
        "http://a?b",
        "http://a#b",
        "http://a\\b",
        "https:a.test",
        "https:/a.test",
        "http://a/\tb",
        "http://a/b c",
        "http://a/é",
        "http://é/",
        "http://a%2eb/",
        "http://[::1]:80/",
        "http://a@b@c/",
        "http://a/|",
        "http://a/^",
        "http://a.1a/",
        "http://a.0x/",
        "http://a/{}",
        "http://a?'",
    ];
    for text in texts {
        check(text);
    }
}
