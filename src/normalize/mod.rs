//! Raw report → violation.
//!
//! In: a [`RawReport`] as a browser wrote it. Out: a [`Violation`] in one spelling for all
//! browsers, scrubbed of secrets and cut to its limits. Normalising twice is the same as once.
//!
//! Each quirk has one place, with its browser, version and source: those of directives in
//! `directive`, those of blocked URIs in `blocked`, those of addresses in `address`; what must not
//! be kept is taken out in `scrub`, by the looks in `secret`. This file only puts them in order;
//! the order matters where one quirk needs another's answer: what a blank `blocked-uri` means
//! depends on the directive, the sample and the policy.
//!
//! It never looks at the request around the body; that is for `derive`.

mod address;
mod blocked;
mod directive;
mod other;
mod scrub;
mod secret;
mod settings;
#[cfg(test)]
mod tests;

pub use other::normalize_other;
pub use settings::{Keep, KeepReferrer, KeepText, Settings};

use crate::report::{Disposition, RawReport, Repair, Repairs, Violation, Wire};
use address::Role;
use std::borrow::Cow;

/// Takes the browser's quirks away and scrubs what must not be stored.
pub fn normalize<'b>(raw: RawReport<'b>, settings: &Settings) -> Violation<'b> {
    let mut repairs = raw.repairs;
    let mut place = |text, role, keep| address::place(text, role, keep, settings, &mut repairs);

    let page = document_text(raw.document_uri, raw.request, raw.envelope_url);
    let document = place(page, Role::Document, settings.document);
    let source = place(raw.source_file, Role::Source, settings.source);
    let referrer =
        settings.referrer.of_url().and_then(|keep| place(raw.referrer, Role::Source, keep));

    let directives = directive::directives(
        raw.violated_directive.as_deref(),
        raw.effective_directive.as_deref(),
    );
    let sample = raw.script_sample.as_deref().unwrap_or("");
    let policy = raw.original_policy.as_deref().unwrap_or("");
    let context = blocked::Context {
        directive: directives.effective.as_ref().or(directives.violated.as_ref()),
        hint: directives.hint,
        sample,
        policy,
        document: document.as_ref(),
    };
    let blocked = blocked::blocked(raw.blocked_uri, &context, settings, &mut repairs);

    Violation {
        wire: raw.wire.unwrap_or(Wire::Bare),
        document,
        referrer,
        blocked,
        violated: directives.violated,
        effective: directives.effective,
        policy: raw
            .original_policy
            .and_then(|policy| scrub::policy(policy, settings.policy))
            .map(|policy| cut(policy, settings.max_policy.as_u64(), &mut repairs)),
        disposition: raw.disposition.as_deref().and_then(disposition),
        status: raw.status_code.and_then(status),
        sample: raw
            .script_sample
            .and_then(|sample| scrub::sample(sample, settings.sample))
            .map(|sample| cut(sample, settings.max_sample.as_u64(), &mut repairs)),
        source,
        line: raw.line_number,
        column: raw.column_number,
        age: raw.age.and_then(age),
        user_agent: raw
            .user_agent
            .map(|agent| cut(agent, settings.max_user_agent.as_u64(), &mut repairs)),
        repairs,
    }
}

/// The page's URL, from the first place that has one.
///
/// Firefox 5 to 13 send the request line of the page instead of `document-uri` (captured). The
/// envelope's `url` comes last: it may be an ancestor's or an older one (Reporting API section
/// 4.1 takes it from the settings object, CSP3 section 5.2 the document's from the violation).
fn document_text<'b>(
    document: Option<Cow<'b, str>>,
    request: Option<Cow<'b, str>>,
    envelope: Option<Cow<'b, str>>,
) -> Option<Cow<'b, str>> {
    document.or_else(|| request.and_then(url_of_request_line)).or(envelope)
}

/// `GET http://shop.example/cart HTTP/1.1` → the URL in the middle.
fn url_of_request_line(line: Cow<'_, str>) -> Option<Cow<'_, str>> {
    fn middle(line: &str) -> Option<&str> {
        let (_method, rest) = line.trim().split_once(' ')?;
        Some(rest.rsplit_once(" HTTP/").map_or(rest, |(url, _version)| url))
    }
    match line {
        Cow::Borrowed(line) => middle(line).map(Cow::Borrowed),
        Cow::Owned(line) => middle(&line).map(|url| Cow::Owned(url.to_owned())),
    }
}

/// CSP says `report`, COOP and COEP say `reporting`; any other word says nothing, and must not be
/// taken for `enforce`.
fn disposition(word: &str) -> Option<Disposition> {
    match word.trim().to_ascii_lowercase().as_str() {
        "enforce" => Some(Disposition::Enforce),
        "report" | "reporting" => Some(Disposition::Report),
        _ => None,
    }
}

/// An HTTP status. CSP2 engines say 0 for https pages, and workers have none.
fn status(code: u32) -> Option<u16> {
    u16::try_from(code).ok().filter(|code| (100..1000).contains(code))
}

/// Chromium drops reports after 15 minutes; an age beyond a day is a clock that jumped.
fn age(milliseconds: i64) -> Option<u32> {
    const DAY: u32 = 24 * 60 * 60 * 1000;
    u32::try_from(milliseconds).ok().filter(|age| *age <= DAY)
}

/// Cuts a text at a limit in bytes, between two characters.
fn cut<'b>(text: Cow<'b, str>, limit: u64, repairs: &mut Repairs) -> Cow<'b, str> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if text.len() <= limit {
        return text;
    }
    repairs.add(Repair::Truncated);
    let end = text.floor_char_boundary(limit);
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}
