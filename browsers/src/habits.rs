//! How browsers deliver: what they ask before, what they send together, when they come again.
//!
//! In come pages of their own and what the recorder saw of the matrix; out go verdicts. What an
//! engine does is written where it is checked, so that a change of habit fails the check.

use crate::browser::{Browser, Engine};
use crate::kinds::{Table, Visit, Way};
use crate::recorder::{Exchange, Fault, Recorder};
use crate::site::{COLLECTOR, Extra, LEAVE, SHOP, document};
use crate::verdicts::Verdicts;
use anyhow::Result;
use serde_json::Value;
use std::fmt::Debug;
use std::time::Duration;

/// The pages; `{engine}` stands for the engine that visits.
pub fn pages() -> Vec<Extra> {
    let image = "<img src='https://cdn.example.net/pixel.png'>";
    let five: String = (1..=FIVE)
        .map(|number| format!("<img src='https://cdn.example.net/{number}.png'>"))
        .collect();
    let in_sandbox = |path: &str| {
        format!("<iframe sandbox=allow-scripts src='{path}?engine={{engine}}'></iframe>")
    };
    // WebKit reports no image of a sandboxed frame.
    let inline = "<script>window.inline = 1</script>";
    let leave = format!("{image}<script src='{LEAVE}'></script>");
    vec![
        reporting_to(BATCH, COLLECTOR, &five),
        reporting_to(OWN_ORIGIN, SHOP, image),
        reporting_to(BUSY, COLLECTOR, image),
        reporting_uri(BUSY_URI, image),
        reporting_to(HANG_UP, COLLECTOR, image),
        Extra {
            path: SANDBOX,
            headers: Vec::new(),
            html: document("", &(in_sandbox(SANDBOXED) + &in_sandbox(SANDBOXED_URI))),
        },
        reporting_to(SANDBOXED, COLLECTOR, inline),
        reporting_uri(SANDBOXED_URI, inline),
        reporting_to(CLOSED, COLLECTOR, image),
        reporting_uri(CLOSED_URI, image),
        reporting_to(LEFT, COLLECTOR, &leave),
        reporting_uri(LEFT_URI, &leave),
    ]
}

/// Opens the pages whose uploads fail, each in a tab that stays open: what is left of them comes
/// while the matrix is visited.
pub async fn begin(browser: &mut Browser, recorder: &Recorder) -> Result<()> {
    for (path, fault) in [(BUSY, Fault::Busy), (BUSY_URI, Fault::Busy), (HANG_UP, Fault::HangUp)] {
        let app = app(browser.engine, path);
        recorder.fail_next(&app, fault);
        let main = browser.open_tab().await?;
        browser.open(&url(browser.engine, path)).await?;
        recorder.wait(PATIENCE, |recorder| !uploads(recorder, &app).is_empty()).await;
        browser.switch_tab(&main).await?;
    }
    Ok(())
}

/// Opens the others, and waits for whoever comes again.
pub async fn visit(browser: &mut Browser, recorder: &Recorder) -> Result<()> {
    let engine = browser.engine;
    for (path, apps, reports) in [
        (BATCH, &[BATCH][..], FIVE),
        (OWN_ORIGIN, &[OWN_ORIGIN], 1),
        (SANDBOX, sandboxed(engine), 1),
    ] {
        browser.open(&url(engine, path)).await?;
        for part in apps {
            let app = app(engine, part);
            recorder.wait(PATIENCE, |recorder| recorder.stored(&app) >= reports).await;
        }
    }
    for path in [CLOSED, CLOSED_URI] {
        let main = browser.open_tab().await?;
        browser.open(&url(engine, path)).await?;
        browser.close_tab(&main).await?;
    }
    for path in [LEFT, LEFT_URI] {
        browser.open(&url(engine, path)).await?;
    }
    for path in delivered_at_the_end(engine).iter().chain(sent_again(engine)) {
        let app = app(engine, path);
        recorder.wait(PATIENCE, |recorder| recorder.stored(&app) > 0).await;
    }
    Ok(())
}

/// Holds what an engine sent against its habits.
pub fn check(
    engine: Engine,
    table: &Table,
    recorder: &Recorder,
    rows: &[Value],
    verdicts: &mut Verdicts,
) {
    let mut verdict = |name: &str, wrong: Vec<String>| {
        verdicts.add(&format!("{}: {name}", engine.title()), wrong);
    };
    let matrix: Vec<(Visit<'_>, Vec<Exchange>)> =
        table.visits(engine).map(|visit| (visit, recorder.of(&visit.app()))).collect();
    verdict("what is asked before an upload", matrix.iter().filter_map(preflight).collect());
    verdict("content type and origin", matrix.iter().flat_map(headers).collect());

    let of = |path: &str| uploads(recorder, &app(engine, path));
    let own = recorder.of(&app(engine, OWN_ORIGIN));
    let is_one = own.len() == 1 && own[0].is_upload() && own[0].host == SHOP;
    verdict("nothing is asked of the own origin", unless(is_one, &own));

    let batch = of(BATCH);
    let sizes: Vec<usize> = batch.iter().map(Exchange::reports).collect();
    let is_batched = match engine {
        Engine::Chromium | Engine::Firefox => sizes.iter().any(|&size| size > 1),
        Engine::Webkit => sizes.iter().all(|&size| size == 1),
    };
    verdict("batches", unless(is_batched && sizes.iter().sum::<usize>() == FIVE, &batch));

    for (path, name) in [
        (BUSY, "report-to after 503"),
        (BUSY_URI, "report-uri after 503"),
        (HANG_UP, "report-to after a connection that broke"),
    ] {
        let uploads = of(path);
        let is_right = if sent_again(engine).contains(&path) {
            uploads.len() == 2
                && same_reports(&uploads[0], &uploads[1])
                && uploads[1].answer == Some(204)
        } else {
            uploads.len() == 1
        };
        verdict(name, unless(is_right, &uploads));
    }

    for path in [SANDBOXED, SANDBOXED_URI] {
        let uploads = of(path);
        let is_null = uploads.iter().all(|upload| upload.header("origin") == Some("null"));
        let is_sent = uploads.len() == usize::from(sandboxed(engine).contains(&path));
        verdict("a sandboxed frame has the origin null", unless(is_null && is_sent, &uploads));
        let app = app(engine, path);
        let records: Vec<_> = rows.iter().filter(|row| row["app_name"] == app).collect();
        let is_right = records.len() == uploads.len()
            && records.iter().all(|row| row["report_host"] == SHOP && row["path"] == path);
        verdict("a sandboxed frame is known by its address", unless(is_right, &records));
    }
    for &path in delivered_at_the_end(engine) {
        let uploads = of(path);
        let is_right = uploads.len() == 1 && uploads[0].answer == Some(204);
        verdict(&format!("delivery at the end: {path}"), unless(is_right, &uploads));
    }
}

/// Chromium asks before every upload to another origin, Firefox unless it still has the answer,
/// WebKit never; nobody asks before a `report-uri` upload.
fn preflight((visit, exchanges): &(Visit<'_>, Vec<Exchange>)) -> Option<String> {
    let methods: Vec<&str> = exchanges.iter().map(|exchange| exchange.method.as_str()).collect();
    let is_right = match (visit.engine, visit.way) {
        _ if exchanges.is_empty() => true,
        (_, Way::Uri) | (Engine::Webkit, _) => methods.iter().all(|&method| method == "POST"),
        (Engine::Chromium, Way::To | Way::Both) => {
            let asked = methods.iter().filter(|&&method| method == "OPTIONS").count();
            methods[0] == "OPTIONS" && asked * 2 == methods.len()
        }
        (Engine::Firefox, Way::To | Way::Both) => {
            let asked = methods.iter().filter(|&&method| method == "OPTIONS").count();
            methods[0] == "OPTIONS" && asked * 2 <= methods.len()
        }
    };
    (!is_right).then(|| format!("{}: {}", visit.app(), methods.join(", ")))
}

/// The content type says nothing that the body does not; WebKit hides the page's origin always,
/// Chromium that of a page that it does not show.
fn headers((visit, exchanges): &(Visit<'_>, Vec<Exchange>)) -> Vec<String> {
    let content_type = match (visit.engine, visit.way) {
        (Engine::Webkit, _) | (_, Way::Uri) => "application/csp-report",
        (Engine::Chromium | Engine::Firefox, Way::To | Way::Both) => "application/reports+json",
    };
    let origin = match visit.engine {
        Engine::Webkit => "null",
        Engine::Chromium if visit.kind.framed => "null",
        Engine::Chromium | Engine::Firefox => "https://shop.example",
    };
    let uploads = exchanges.iter().filter(|exchange| exchange.is_upload());
    uploads
        .flat_map(|upload| [("content-type", content_type, upload), ("origin", origin, upload)])
        .filter(|(name, value, upload)| upload.header(name) != Some(*value))
        .map(|(name, _, upload)| format!("{}: {name}: {:?}", visit.app(), upload.header(name)))
        .collect()
}

/// Which uploads come again after they failed. Firefox does so only where no answer came.
const fn sent_again(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::Chromium => &[BUSY, HANG_UP],
        Engine::Firefox => &[HANG_UP],
        Engine::Webkit => &[],
    }
}

/// Which frames without an origin report. Chromium gives them no endpoints.
const fn sandboxed(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::Chromium => &[SANDBOXED_URI],
        Engine::Firefox | Engine::Webkit => &[SANDBOXED, SANDBOXED_URI],
    }
}

/// Which reports arrive though their page is closed, or left, as soon as it has loaded. Firefox
/// gives a `report-uri` request up that is under way when the page is left, so that whether it
/// arrives is a race.
const fn delivered_at_the_end(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::Chromium | Engine::Webkit => &[CLOSED, CLOSED_URI, LEFT, LEFT_URI],
        Engine::Firefox => &[CLOSED, LEFT],
    }
}

/// Whether two uploads hold the same but for the age, which has grown.
fn same_reports(first: &Exchange, second: &Exchange) -> bool {
    let without_age = |exchange: &Exchange| {
        let mut body: Value = serde_json::from_str(&exchange.body).unwrap_or_default();
        for report in body.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            report.remove("age");
        }
        body
    };
    let first = without_age(first);
    !first.is_null() && first == without_age(second)
}

/// What was found, where it is not as it should be.
fn unless(is_right: bool, found: &impl Debug) -> Vec<String> {
    if is_right { Vec::new() } else { vec![format!("{found:?}")] }
}

fn reporting_to(path: &'static str, collector: &str, html: &str) -> Extra {
    let endpoint = format!("https://{collector}/csp/{}?report_only=1", app_pattern(path));
    Extra {
        path,
        headers: vec![
            ("reporting-endpoints", format!("habit=\"{endpoint}\"")),
            (
                "content-security-policy-report-only",
                "default-src 'self'; report-to habit".to_owned(),
            ),
        ],
        html: document("", html),
    }
}

fn reporting_uri(path: &'static str, html: &str) -> Extra {
    let endpoint = format!("https://{COLLECTOR}/csp/{}?report_only=1", app_pattern(path));
    let policy = format!("default-src 'self'; report-uri {endpoint}");
    Extra {
        path,
        headers: vec![("content-security-policy-report-only", policy)],
        html: document("", html),
    }
}

fn url(engine: Engine, path: &str) -> String {
    format!("https://{SHOP}{path}?engine={}", engine.name())
}

fn app(engine: Engine, path: &str) -> String {
    app_pattern(path).replace("{engine}", engine.name())
}

fn app_pattern(path: &str) -> String {
    format!("{{engine}}.{}", path.trim_start_matches('/'))
}

fn uploads(recorder: &Recorder, app: &str) -> Vec<Exchange> {
    recorder.of(app).into_iter().filter(Exchange::is_upload).collect()
}

const BATCH: &str = "/habit-batch";
const OWN_ORIGIN: &str = "/habit-own-origin";
const BUSY: &str = "/habit-busy";
const BUSY_URI: &str = "/habit-busy-uri";
const HANG_UP: &str = "/habit-hang-up";
const SANDBOX: &str = "/habit-sandbox";
const SANDBOXED: &str = "/habit-sandboxed";
const SANDBOXED_URI: &str = "/habit-sandboxed-uri";
const CLOSED: &str = "/habit-closed";
const CLOSED_URI: &str = "/habit-closed-uri";
const LEFT: &str = "/habit-left";
const LEFT_URI: &str = "/habit-left-uri";

/// Longer than Chromium's first wait before it tries again, which is a minute when nothing
/// shortens it.
const PATIENCE: Duration = Duration::from_secs(90);

/// How many violations the page for batches has.
const FIVE: usize = 5;
