//! The pages, and whatever they load.
//!
//! In comes the address of a request, out goes a page that breaks its policy, or a harmless
//! resource: each file's ending says what it is, on whatever host.

use crate::kinds::{Kind, Table};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode, Uri};
use std::sync::Arc;

/// The site that has a policy.
pub const SHOP: &str = "shop.example";
/// The collector, as browsers know it.
pub const COLLECTOR: &str = "csp.example.org";
/// Another site, which the policies forbid.
pub const CDN: &str = "cdn.example.net";
/// A third one, which frames pages of others.
pub const FRAMER: &str = "portal.example.net";
/// A host that has http and nothing behind its https port.
pub const WITHOUT_TLS: &str = "plain.example.net";

/// Every host that exists.
pub const HOSTS: [&str; 5] = [SHOP, COLLECTOR, CDN, FRAMER, WITHOUT_TLS];

/// Answers everything but uploads.
pub struct Site {
    pub table: Arc<Table>,
    pub extras: Vec<Extra>,
}

/// A page that is there for a habit, not for a kind.
pub struct Extra {
    pub path: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub html: String,
}

impl Site {
    /// Answers a request.
    pub fn answer(&self, scheme: &str, host: &str, uri: &Uri) -> Response<Full<Bytes>> {
        let path = uri.path();
        let query = uri.query().unwrap_or("");
        let name = path.trim_start_matches('/');
        if scheme == "https" && host == SHOP {
            if let Some(kind) = self.table.kinds.iter().find(|kind| kind.name == name) {
                return page(kind, query);
            }
            // A visit that is one of the habits says in its query which engine it is.
            if let Some(extra) = self.extras.iter().find(|extra| extra.path == path) {
                let filled = |text: &str| text.replace("{engine}", value(query, "engine"));
                let mut answer = html(filled(&extra.html));
                for (name, value) in &extra.headers {
                    add(&mut answer, name, &filled(value));
                }
                return answer;
            }
        }
        if host == FRAMER && !name.is_empty() && !name.contains('.') {
            return html(document(
                "",
                &format!(
                    "<iframe src='https://{SHOP}/{name}?{}'></iframe>",
                    query.replace('&', "&amp;")
                ),
            ));
        }
        if path == "/moved" {
            let mut answer = Response::new(Full::default());
            *answer.status_mut() = StatusCode::FOUND;
            add(&mut answer, "location", &format!("https://{CDN}/{}", value(query, "to")));
            return answer;
        }
        resource(path)
    }
}

/// The page of one visit, with its policy.
fn page(kind: &Kind, query: &str) -> Response<Full<Bytes>> {
    let [engine, mode, way] = ["engine", "mode", "way"].map(|name| value(query, name));
    let enforced = mode == "enforce";
    let endpoint = |enforced: bool| {
        let flag = if enforced { "enforce=1" } else { "report_only=1" };
        format!("https://{COLLECTOR}/csp/{engine}.{}.{mode}.{way}?{flag}", kind.name)
    };
    let policy = |text: &str, enforced: bool, group: &str| {
        let mut policy = text.replace("{nonce}", NONCE);
        if matches!(way, "uri" | "both") {
            policy.push_str(&format!("; report-uri {}", endpoint(enforced)));
        }
        if matches!(way, "to" | "both") {
            policy.push_str(&format!("; report-to {group}"));
        }
        policy
    };
    let first = policy(&kind.policy, enforced, "first");
    let head = if kind.meta {
        format!("<meta http-equiv='Content-Security-Policy' content=\"{first}\">")
    } else {
        String::new()
    };
    let mut answer = html(document(&head, &kind.html.replace("{nonce}", NONCE)));
    if way != "uri" {
        let endpoints = format!("first=\"{}\", second=\"{}\"", endpoint(enforced), endpoint(false));
        add(&mut answer, "reporting-endpoints", &endpoints);
    }
    let (enforcing, reporting) = ("content-security-policy", "content-security-policy-report-only");
    if !kind.meta {
        add(&mut answer, if enforced { enforcing } else { reporting }, &first);
    }
    if let Some(second) = &kind.second {
        add(&mut answer, reporting, &policy(second, false, "second"));
    }
    answer
}

pub fn document(head: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=en>\n<head><meta charset=utf-8><title>A page</title>{head}</head>\n\
         <body>\n{body}\n</body>\n</html>\n"
    )
}

/// A file that does no harm.
fn resource(path: &str) -> Response<Full<Bytes>> {
    let ending = path.rsplit('.').next().unwrap_or_default();
    let (kind, body): (&str, &'static [u8]) = match ending {
        "js" if path == LEAVE => {
            ("text/javascript", b"onload = () => location.assign('/left.html');")
        }
        "js" => ("text/javascript", b"var loaded = true;\n"),
        "css" => ("text/css", b"p { margin: 0 }\n"),
        "png" => ("image/png", PIXEL),
        "svg" => ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        "html" => ("text/html; charset=utf-8", b"<!doctype html><title>Fine</title><p>Fine.</p>"),
        "json" => ("application/json", b"{}"),
        _ => ("", b""),
    };
    let mut answer = Response::new(Full::new(Bytes::from_static(body)));
    if kind.is_empty() {
        *answer.status_mut() = StatusCode::NOT_FOUND;
    } else {
        add(&mut answer, "content-type", kind);
    }
    // Fonts and fetches of another origin need it.
    add(&mut answer, "access-control-allow-origin", "*");
    answer
}

fn html(text: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    add(&mut answer, "content-type", "text/html; charset=utf-8");
    answer
}

/// Adds a header; one that is no header would be a mistake in the table.
fn add(answer: &mut Response<Full<Bytes>>, name: &str, value: &str) {
    let name: HeaderName = name.parse().expect("a header's name");
    answer.headers_mut().append(name, HeaderValue::from_str(value).expect("a header's value"));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// A value of a query that needs no decoding.
fn value<'q>(query: &'q str, name: &str) -> &'q str {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
}

/// The script of a page that is left as soon as it has loaded.
pub const LEAVE: &str = "/leave.js";

const NONCE: &str = "cGFnZW5vbmNl";

/// One transparent pixel.
const PIXEL: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\xdac\xfc\xff\xff?\0\x05\xfe\x02\xfe\xa75\x81\x84\0\0\0\0IEND\xaeB`\x82";
