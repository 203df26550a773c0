//! Every kind, in every engine, enforced and not, by every way of delivery.

use crate::browser::{Browser, Engine};
use crate::kinds::{Table, Visit};
use crate::recorder::Recorder;
use crate::records::compare;
use crate::verdicts::Verdicts;
use anyhow::Result;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What is known of a browser once it runs.
#[derive(Debug, Clone)]
pub struct Identity {
    pub engine: Engine,
    pub version: String,
    pub user_agent: String,
}

impl Identity {
    pub async fn of(browser: &mut Browser) -> Result<Self> {
        let user_agent = browser.user_agent().await?;
        Ok(Self { engine: browser.engine, version: browser.version.clone(), user_agent })
    }

    /// The name and major version that records must have.
    fn name_and_major(&self) -> (&'static str, &str) {
        let (name, version) = match self.engine {
            Engine::Chromium => ("HeadlessChrome", Some(self.version.as_str())),
            Engine::Firefox => ("Firefox", Some(self.version.as_str())),
            // MiniBrowser calls itself Safari, of a version that is not WebKitGTK's.
            Engine::Webkit => {
                ("Safari", self.user_agent.split_once("Version/").map(|(_, version)| version))
            }
        };
        (name, version.unwrap_or_default().split('.').next().unwrap_or_default())
    }
}

/// Opens all pages of the matrix, each until its reports are stored.
pub async fn visit(
    browser: &mut Browser,
    identity: &Identity,
    table: &Table,
    recorder: &Recorder,
) -> Result<()> {
    for visit in table.visits(browser.engine) {
        browser.open(&visit.url()).await?;
        let app = visit.app();
        let reports = expected(table, visit, identity).records.len();
        if reports == 0 {
            // That something does not come can only be said after some time.
            recorder.wait(SILENCE, |recorder| recorder.stored(&app) > 0).await;
        } else if !recorder.wait(PATIENCE, |recorder| recorder.stored(&app) >= reports).await {
            eprintln!("{app}: {} of {reports} reports came", recorder.stored(&app));
        }
    }
    Ok(())
}

/// Compares the records of all visits with the table.
pub fn check(table: &Table, browsers: &[Identity], rows: &[Value], verdicts: &mut Verdicts) {
    let mut by_app: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for row in rows {
        by_app.entry(text(row, "app_name")).or_default().push(row.clone());
    }
    for identity in browsers {
        for visit in table.visits(identity.engine) {
            let app = visit.app();
            let found = by_app.get(app.as_str()).map_or(&[][..], Vec::as_slice);
            verdicts.add(&app, compare(&expected(table, visit, identity), found));
        }
    }
    for kind in &table.kinds {
        let mut fingerprints: BTreeSet<&str> = BTreeSet::new();
        let mut others: BTreeSet<&str> = BTreeSet::new();
        let mut policies: BTreeSet<&str> = BTreeSet::new();
        for identity in browsers {
            for visit in table.visits(identity.engine).filter(|visit| visit.kind.name == kind.name)
            {
                let rows = by_app.get(visit.app().as_str()).map_or(&[][..], Vec::as_slice);
                let is_other = expected(table, visit, identity).own_fingerprint;
                let found = if is_other { &mut others } else { &mut fingerprints };
                found.extend(rows.iter().map(|row| text(row, "fingerprint")));
                policies.extend(rows.iter().map(|row| text(row, "policy_hash")));
            }
        }
        let one = |what: &str, found: &BTreeSet<&str>, wanted: usize| {
            (found.len() != wanted).then(|| format!("{wanted} {what} expected, found {found:?}"))
        };
        let wrong = [
            one("fingerprint", &fingerprints, 1),
            // An exception that is none any more has to go.
            (!others.is_disjoint(&fingerprints)).then(|| format!("{others:?} is no other one")),
            one("policy_hash", &policies, 1 + usize::from(kind.second.is_some())),
        ];
        verdicts
            .add(&format!("one fingerprint: {}", kind.name), wrong.into_iter().flatten().collect());
    }
}

fn expected(table: &Table, visit: Visit<'_>, identity: &Identity) -> crate::kinds::Expected {
    let (browser, major) = identity.name_and_major();
    table.expected(visit, [browser, major, &identity.user_agent])
}

fn text<'v>(row: &'v Value, name: &str) -> &'v str {
    row[name].as_str().unwrap_or_default()
}

/// How long is waited for reports that must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long is waited for reports that must not come.
const SILENCE: Duration = Duration::from_secs(2);
