//! What a team writes into the endpoint's URL because the browser does not say it.
//!
//! Which app, was the policy enforced, what status the page had: Twitter's collector of 2014
//! carried these in the query, and so do Sentry's endpoints (`sentry_environment`,
//! `sentry_release`).

use super::settings::Settings;
use crate::report::{Disposition, is_app_name};
use std::borrow::Cow;

/// The smuggled fields of one request.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Smuggled<'q> {
    pub app: Option<Cow<'q, str>>,
    pub disposition: Option<Disposition>,
    pub status: Option<u16>,
    pub environment: Option<Cow<'q, str>>,
    pub release: Option<Cow<'q, str>>,
}

impl<'q> Smuggled<'q> {
    /// Reads a query string. A value that fits no field is as good as none; of a name that comes
    /// twice the first value counts, so that nothing appended to the URL changes it.
    pub fn read(query: Option<&'q str>, settings: &Settings) -> Self {
        let mut smuggled = Self::default();
        let pairs = url::form_urlencoded::parse(query.unwrap_or("").as_bytes());
        for (name, value) in pairs.take(MAX_PAIRS) {
            let is = |names: &[String]| names.iter().any(|known| *known == *name);
            if is(&settings.app) {
                keep_first(&mut smuggled.app, Some(value).filter(|app| is_app_name(app)));
            } else if is(&settings.enforce) {
                keep_first(&mut smuggled.disposition, flag(&value).map(enforced));
            } else if is(&settings.report_only) {
                keep_first(&mut smuggled.disposition, flag(&value).map(|is_so| enforced(!is_so)));
            } else if is(&settings.status) {
                let status = value.parse().ok().filter(|status| (100..1000).contains(status));
                keep_first(&mut smuggled.status, status);
            } else if is(&settings.environment) {
                keep_first(&mut smuggled.environment, label(value));
            } else if is(&settings.release) {
                keep_first(&mut smuggled.release, label(value));
            }
        }
        smuggled
    }
}

fn keep_first<T>(field: &mut Option<T>, value: Option<T>) {
    if field.is_none() {
        *field = value;
    }
}

fn enforced(is_so: bool) -> Disposition {
    if is_so { Disposition::Enforce } else { Disposition::Report }
}

/// A name alone (`?report_only`) says yes.
fn flag(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "" | "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn label(value: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let fits = (1..=MAX_LABEL).contains(&value.len()) && !value.contains(char::is_control);
    fits.then_some(value)
}

const MAX_LABEL: usize = 200;
const MAX_PAIRS: usize = 32;
