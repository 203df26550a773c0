//! What a policy permits: the examples of CSP3, and cases like those of the web platform tests
//! (`content-security-policy/` there).

use super::source::HostSource;
use super::*;

const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);
const UNSURE: Option<bool> = None;

/// A URL, or the bare name of a scheme; `~` at its end says that the path is not known.
fn url(text: &str) -> Url<'_> {
    let (text, knows_path) = match text.strip_suffix('~') {
        Some(text) => (text, false),
        None => (text, true),
    };
    let HostSource { scheme, host, port, path } = HostSource::split(text);
    match scheme {
        Some(scheme) => Url {
            scheme,
            place: Some(Place {
                host,
                port: port.map(|port| port.parse().expect("a port")),
                path: knows_path.then_some(path),
            }),
        },
        None => Url { scheme: text, place: None },
    }
}

fn asked(policy: &str, directive: &str, blocked: &str, page: &str) -> Option<bool> {
    let directive = Directive::from_name(directive).expect("a directive");
    let attempt = match blocked {
        "inline" => Attempt::Inline,
        "eval" => Attempt::Eval,
        "wasm-eval" => Attempt::WasmEval,
        address => Attempt::Load(url(address)),
    };
    let page = (!page.is_empty()).then(|| url(page));
    permits(Policy::new(policy), directive, attempt, page)
}

/// Name, policy, directive, what was blocked, answer; the page is `https://shop.test/`.
type Row = (&'static str, &'static str, &'static str, &'static str, Option<bool>);

fn check(rows: &[Row]) {
    for &(name, policy, directive, blocked, want) in rows {
        assert_eq!(asked(policy, directive, blocked, "https://shop.test/"), want, "{name}");
    }
}

#[test]
fn code_is_permitted_by_keywords() {
    check(&[
        ("eval: crbug 915648", "script-src 'self' 'unsafe-eval'", "script-src", "eval", YES),
        ("eval: not allowed", "script-src 'self' 'unsafe-inline'", "script-src", "eval", NO),
        ("eval: case of the keyword", "script-src 'Unsafe-EVAL'", "script-src", "eval", YES),
        ("eval: fallback", "default-src 'unsafe-eval'", "script-src", "eval", YES),
        (
            "eval: no fallback past script-src",
            "default-src 'unsafe-eval'; script-src 'self'",
            "script-src",
            "eval",
            NO,
        ),
        (
            "eval: -elem plays no part",
            "script-src 'unsafe-eval'; script-src-elem 'self'",
            "script-src-elem",
            "eval",
            YES,
        ),
        ("eval: of the wasm kind only", "script-src 'wasm-unsafe-eval'", "script-src", "eval", NO),
        (
            "eval: trusted types may pass",
            "script-src 'trusted-types-eval'",
            "script-src",
            "eval",
            UNSURE,
        ),
        ("eval: under a directive of no code", "img-src *", "img-src", "eval", UNSURE),
        ("wasm: its own keyword", "script-src 'wasm-unsafe-eval'", "script-src", "wasm-eval", YES),
        ("wasm: the wider keyword", "script-src 'unsafe-eval'", "script-src", "wasm-eval", YES),
        ("wasm: not allowed", "script-src https:", "script-src", "wasm-eval", NO),
        ("inline: allowed", "script-src 'unsafe-inline'", "script-src-elem", "inline", YES),
        ("inline: not allowed", "script-src 'self' https:", "script-src-elem", "inline", NO),
        (
            "inline: a nonce may be right",
            "script-src 'unsafe-inline' 'nonce-*'",
            "script-src-elem",
            "inline",
            UNSURE,
        ),
        ("inline: a hash may be", "style-src 'sha256-A='", "style-src-attr", "inline", UNSURE),
        (
            "inline: the attribute's own list",
            "style-src 'self'; style-src-attr 'unsafe-inline'",
            "style-src-attr",
            "inline",
            YES,
        ),
        ("inline: images have none", "img-src 'unsafe-inline'", "img-src", "inline", UNSURE),
    ]);
}

#[test]
fn urls_match_expressions() {
    check(&[
        ("scheme", "img-src https:", "img-src", "https://a.test/x", YES),
        ("scheme: upgrade", "img-src http:", "img-src", "https://a.test/x", YES),
        ("scheme: no downgrade", "img-src https:", "img-src", "http://a.test/x", NO),
        ("scheme: case", "img-src HTTPS:", "img-src", "https://a.test/x", YES),
        ("scheme: data", "img-src 'self' data:", "img-src", "data", YES),
        ("scheme: blob is not self", "script-src 'self'", "script-src-elem", "blob", NO),
        ("scheme: star is of the network", "img-src *", "img-src", "data", NO),
        ("scheme: star", "img-src *", "img-src", "http://a.test/x", YES),
        ("scheme: star and an address", "img-src *", "img-src", "http://192.0.2.1/x", YES),
        (
            "scheme: of an extension",
            "script-src chrome-extension:",
            "script-src",
            "chrome-extension",
            YES,
        ),
        (
            "scheme: one extension of many",
            "script-src chrome-extension://abc",
            "script-src",
            "chrome-extension",
            UNSURE,
        ),
        ("host", "img-src a.test", "img-src", "https://a.test/x", YES),
        ("host: case", "img-src A.Test", "img-src", "https://a.test/x", YES),
        ("host: another", "img-src a.test", "img-src", "https://b.test/x", NO),
        ("host: no subdomain", "img-src a.test", "img-src", "https://www.a.test/x", NO),
        ("host: star and dot", "img-src *.a.test", "img-src", "https://x.y.a.test/", YES),
        ("host: star is not itself", "img-src *.a.test", "img-src", "https://a.test/", NO),
        ("host: lookalike before", "img-src *.a.test", "img-src", "https://nota.test/", NO),
        (
            "host: lookalike behind",
            "img-src a.test *.a.test",
            "img-src",
            "https://a.test.evil.test/",
            NO,
        ),
        ("host: the page's scheme", "img-src a.test", "img-src", "http://a.test/", NO),
        ("host: its own scheme", "img-src http://a.test", "img-src", "http://a.test/", YES),
        ("host: upgraded", "img-src http://a.test", "img-src", "https://a.test/", YES),
        ("host: not downgraded", "img-src https://a.test", "img-src", "http://a.test/", NO),
        ("host: address", "img-src 192.0.2.1", "img-src", "https://192.0.2.1/", UNSURE),
        ("host: loopback", "img-src http://[::1]", "img-src", "http://[::1]/", UNSURE),
        ("host: another address", "img-src 192.0.2.2", "img-src", "https://192.0.2.1/", NO),
        ("host: not in the language", "img-src 日本.test", "img-src", "https://a.test/", NO),
        ("port: default, said", "img-src a.test:443", "img-src", "https://a.test/", YES),
        ("port: not said", "img-src a.test", "img-src", "https://a.test:8443/", NO),
        ("port: same", "img-src a.test:8443", "img-src", "https://a.test:8443/", YES),
        ("port: another", "img-src a.test:8443", "img-src", "https://a.test:8444/", NO),
        ("port: any", "img-src a.test:*", "img-src", "https://a.test:8443/", YES),
        (
            "port: engines upgrade 80",
            "img-src http://a.test:80",
            "img-src",
            "https://a.test/",
            UNSURE,
        ),
        ("port: none so large", "img-src a.test:99999", "img-src", "https://a.test/", NO),
        ("port: old Firefox's https:", "img-src https://*:*", "img-src", "https://a.test:1/", YES),
        (
            "path: folder",
            "img-src a.test/scripts/",
            "img-src",
            "https://a.test/scripts/x/y.js",
            YES,
        ),
        ("path: exact", "img-src a.test/x.js", "img-src", "https://a.test/x.js", YES),
        ("path: exact, more", "img-src a.test/x", "img-src", "https://a.test/x/y", NO),
        ("path: another", "img-src a.test/x/", "img-src", "https://a.test/y/", NO),
        ("path: case counts", "img-src a.test/X", "img-src", "https://a.test/x", NO),
        ("path: root", "img-src a.test/", "img-src", "https://a.test/x", YES),
        ("path: encoded", "img-src a.test/%78%2Ejs", "img-src", "https://a.test/x%2ejs", YES),
        ("path: a lone percent sign", "img-src a.test/%zz", "img-src", "https://a.test/%zz", YES),
        ("path: not known", "img-src a.test/x", "img-src", "https://a.test~", UNSURE),
        ("path: any, so none need be known", "img-src a.test/", "img-src", "https://a.test~", YES),
        ("path: not asked", "img-src a.test", "img-src", "https://a.test~", YES),
        ("path: masked", "img-src a.test/x/y", "img-src", "https://a.test/x/*", UNSURE),
        (
            "path: masked where none looks",
            "img-src a.test/x/",
            "img-src",
            "https://a.test/x/*",
            YES,
        ),
        ("path: a query in a policy", "img-src a.test/x?y", "img-src", "https://a.test/x", UNSURE),
        ("none", "img-src 'none'", "img-src", "https://a.test/", NO),
        ("none: with others", "img-src 'none' a.test", "img-src", "https://a.test/", YES),
        ("empty list", "img-src", "img-src", "https://a.test/", NO),
        ("websocket: its scheme", "connect-src wss:", "connect-src", "wss://a.test/", YES),
        ("websocket: as fetched", "connect-src https:", "connect-src", "wss://a.test/", UNSURE),
        ("websocket: star", "connect-src *", "connect-src", "wss://a.test/", YES),
        ("websocket: engines differ", "connect-src a.test", "connect-src", "wss://a.test/", UNSURE),
        ("websocket: another host", "connect-src b.test", "connect-src", "wss://a.test/", NO),
        ("websocket: both schemes", "connect-src wss: https:", "connect-src", "wss://a.test/", YES),
    ]);
}

#[test]
fn self_is_the_page() {
    let rows = [
        ("same", "https://shop.test/", "https://shop.test/x", YES),
        ("another host", "https://shop.test/", "https://www.shop.test/x", NO),
        ("another port", "https://shop.test/", "https://shop.test:8443/x", NO),
        ("same port", "http://shop.test:8080/", "http://shop.test:8080/x", YES),
        ("upgrade", "http://shop.test/", "https://shop.test/x", YES),
        ("downgrade", "https://shop.test/", "http://shop.test/x", NO),
        ("no page", "", "https://shop.test/x", UNSURE),
        ("a page of an extension", "moz-extension", "moz-extension", UNSURE),
    ];
    for (name, page, blocked, want) in rows {
        assert_eq!(asked("img-src 'self'", "img-src", blocked, page), want, "{name}");
    }
    assert_eq!(asked("img-src a.test", "img-src", "https://a.test/", ""), UNSURE, "no scheme");
    assert_eq!(asked("img-src a.test", "img-src", "https://b.test/", ""), NO, "no scheme, no host");
}

#[test]
fn the_governing_directive_decides() {
    check(&[
        ("own", "img-src a.test; default-src *", "img-src", "https://b.test/", NO),
        ("fallback", "default-src a.test", "font-src", "https://a.test/", YES),
        ("element to script", "script-src a.test", "script-src-elem", "https://a.test/", YES),
        (
            "worker to child",
            "child-src a.test; script-src b.test",
            "worker-src",
            "https://a.test/",
            YES,
        ),
        ("frame to child", "child-src a.test", "frame-src", "https://a.test~", YES),
        ("no fallback for a form", "default-src a.test", "form-action", "https://b.test/", YES),
        ("a form", "form-action a.test", "form-action", "https://b.test/", NO),
        ("a base", "base-uri 'none'", "base-uri", "https://b.test/", NO),
        (
            "governed by nothing",
            "img-src a.test; report-uri /csp",
            "font-src",
            "https://b.test/",
            YES,
        ),
        ("a directive of old Firefox", "allow 'self'", "img-src", "https://b.test/", UNSURE),
        ("no policy in it", "[removed]", "img-src", "https://b.test/", UNSURE),
        ("an empty text", " ; ", "img-src", "https://b.test/", UNSURE),
        ("frame-ancestors", "frame-ancestors a.test", "frame-ancestors", "https://a.test/", UNSURE),
        ("sandbox", "sandbox", "sandbox", "https://a.test/", UNSURE),
        ("trusted types", "trusted-types x", "trusted-types", "https://a.test/", UNSURE),
        ("mixed content", "img-src *", "upgrade-insecure-requests", "http://a.test/", UNSURE),
    ]);
}

#[test]
fn what_a_nonce_would_have_said_is_not_known() {
    check(&[
        ("script", "script-src 'nonce-*'", "script-src-elem", "https://a.test/x.js", UNSURE),
        (
            "script: by its host",
            "script-src 'nonce-*' a.test",
            "script-src-elem",
            "https://a.test/",
            YES,
        ),
        ("script: a hash", "script-src 'sha256-A='", "script-src-elem", "https://a.test/", UNSURE),
        ("style", "style-src 'nonce-*' b.test", "style-src-elem", "https://a.test/", UNSURE),
        ("image", "img-src 'nonce-*'", "img-src", "https://a.test/", NO),
        (
            "strict-dynamic makes hosts not count",
            "script-src 'strict-dynamic' 'nonce-*' https:",
            "script-src-elem",
            "https://a.test/",
            UNSURE,
        ),
        (
            "strict-dynamic is of scripts",
            "default-src 'strict-dynamic' https:",
            "img-src",
            "https://a.test/",
            YES,
        ),
    ]);
}
