//! `cspipe rules try`: what a changed rule file would move, before it is live.

use crate::cli::since::Since;
use crate::cli::{Format, Ground, StoreArgs, print_json, today, unavailable, wrong};
use clap::Args;
use cspipe::filter::{RuleSet, Sources, told};
use cspipe::proof::prove;
use cspipe::reload::{self, LoadError};
use cspipe::replay::{Baseline, Decision, Move, Seen, Trial};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct TryArgs {
    /// The changed rule file, or a whole folder of them
    file: PathBuf,
    /// How far back to look, by receipt: 7d, 36h, 2026-11-17
    #[arg(long, value_name = "TIME", default_value = "7d")]
    since: Since,
    /// How the result is written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    store: StoreArgs,
}

/// The rules to try, and what they are compared with.
struct Candidate {
    sources: Sources,
    /// What was put in the place of what, for people.
    told: String,
    /// Whether the changed file is the one in force already.
    is_in_force: bool,
}

pub fn run(arguments: &TryArgs) -> Result<(), ExitCode> {
    let settings = arguments.store.load().map_err(|error| wrong(&error))?;
    let folder = settings.filters_folder();
    let candidate = candidate(&arguments.file, folder.as_deref()).map_err(|error| wrong(&error))?;
    let stages = cspipe::app::stages(&settings).map_err(|error| wrong(&error))?;
    let rules = prove(&candidate.sources, &stages).map_err(|errors| {
        eprintln!("{}", told(&errors));
        ExitCode::from(1)
    })?;

    // The rules in force may be wrong just now, for instance because the file that is tried is
    // one of them; then there are only the decisions of then to compare with.
    let in_force =
        (!candidate.is_in_force).then(|| reload::load(folder.as_deref(), &stages).ok()).flatten();
    let baseline = in_force.as_ref().map_or(Baseline::Stored, Baseline::Rules);

    let ground = Ground { settings, stages, rules };
    let reader = ground.store()?;
    let mut trial = Trial::new(&ground.rules, baseline, today());
    let seen = ground
        .replay(&reader, &arguments.since, |replayed| trial.add(replayed))
        .map_err(|error| unavailable(&error))?;
    match arguments.format {
        Format::Text => {
            let against = match baseline {
                Baseline::Rules(rules) => format!("the rules in force ({})", rules.origin()),
                Baseline::Stored => "the decisions as they were stored".to_owned(),
            };
            println!("{}, compared with {against}", candidate.told);
            print!("{}", text(&trial, seen, &arguments.since));
        }
        Format::Json => print_json(&as_json(&trial, seen, &ground.rules)),
    }
    Ok(())
}

/// Puts the changed file where it would stand.
fn candidate(file: &Path, folder: Option<&Path>) -> Result<Candidate, LoadError> {
    let is_same = |one: &Path, other: &Path| {
        let real = |path: &Path| path.canonicalize().ok();
        real(one).is_some() && real(one) == real(other)
    };
    if file.is_dir() {
        return Ok(Candidate {
            sources: reload::sources(Some(file))?,
            told: format!("All rules from {}", file.display()),
            is_in_force: folder.is_some_and(|folder| is_same(folder, file)),
        });
    }
    let text = std::fs::read_to_string(file)
        .map_err(|source| LoadError::Unreadable { path: file.to_owned(), source })?;
    let mut sources = reload::sources(folder)?;
    let name = file.display().to_string();
    let last_part = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
    let replaced = sources.files.iter().position(|(known, _)| last_part(known) == last_part(&name));
    let told = match replaced {
        Some(at) => format!("{name} in the place of {}", sources.files.remove(at).0),
        None => format!("{name} beside the rules ({})", sources.origin),
    };
    add_lists(&mut sources, file)?;
    sources.files.push((name, text));
    let is_in_force = folder.is_some_and(|folder| {
        file.file_name().is_some_and(|name| is_same(&folder.join(name), file))
    });
    Ok(Candidate { sources, told, is_in_force })
}

/// A list file is looked for beside the rule file that names it. Those that stand there come
/// first, and those of the folder stand in for what is not there.
fn add_lists(sources: &mut Sources, file: &Path) -> Result<(), LoadError> {
    let beside = file.parent().unwrap_or(Path::new(""));
    let mut moved = Vec::new();
    let here = if beside.as_os_str().is_empty() { Path::new(".") } else { beside };
    let unreadable = |path: &Path, source| LoadError::Unreadable { path: path.to_owned(), source };
    for entry in std::fs::read_dir(here).map_err(|source| unreadable(here, source))? {
        let path = entry.map_err(|source| unreadable(here, source))?.path();
        if let (Some("txt"), Some(name)) =
            (path.extension().and_then(|extension| extension.to_str()), path.file_name())
        {
            let text =
                std::fs::read_to_string(&path).map_err(|source| unreadable(&path, source))?;
            moved.push((beside.join(name).display().to_string(), text));
        }
    }
    for (name, text) in &sources.lists {
        let name = beside.join(name.rsplit('/').next().unwrap_or(name)).display().to_string();
        if !moved.iter().any(|(known, _)| *known == name) {
            moved.push((name, text.clone()));
        }
    }
    sources.lists.retain(|(name, _)| !moved.iter().any(|(known, _)| known == name));
    sources.lists.extend(moved);
    Ok(())
}

fn text(trial: &Trial<'_>, seen: Seen, since: &Since) -> String {
    let mut out = format!("{} violations {since}\n", seen.violations);
    if seen.unreadable > 0 {
        out.push_str(&format!(
            "{} more records could not be read by this program\n",
            seen.unreadable
        ));
    }
    let (moves, observed) = (trial.moves(), trial.observed());
    let of = |wanted: fn(&Move) -> bool| moves.iter().filter(|one| wanted(one)).collect::<Vec<_>>();
    section(&mut out, "clean → filtered", &of(|one| one.from == Decision::Clean));
    section(&mut out, "filtered → clean", &of(|one| one.to == Decision::Clean));
    section(
        &mut out,
        "filtered by another rule",
        &of(|one| one.from != Decision::Clean && one.to != Decision::Clean),
    );
    section(
        &mut out,
        "stay, but a rule that observes would filter them",
        &observed.iter().collect::<Vec<_>>(),
    );
    let labels: Vec<_> = trial.labels().collect();
    if !labels.is_empty() {
        out.push_str("\nlabels\n");
        for (label, gained, lost) in labels {
            let change = match (gained, lost) {
                (gained, 0) => format!("on {gained} more"),
                (0, lost) => format!("on {lost} fewer"),
                (gained, lost) => format!("on {gained} more, and no longer on {lost}"),
            };
            out.push_str(&format!("  {label}  {change}\n"));
        }
    }
    out.push_str(&format!("\n{} unchanged\n", trial.unchanged()));
    out
}

fn section(out: &mut String, title: &str, moves: &[&Move]) {
    if moves.is_empty() {
        return;
    }
    let reports: u64 = moves.iter().map(|one| one.reports).sum();
    out.push_str(&format!("\n{title}: {reports}\n"));
    for one in moves.iter().take(MAX_GROUPS) {
        let rule = match (&one.from, &one.to) {
            (Decision::Filtered(from), Decision::Filtered(to)) => {
                format!("by `{to}`, before by `{from}`")
            }
            (_, Decision::Filtered(rule)) => format!("by `{rule}`"),
            (Decision::Filtered(rule), Decision::Clean) => format!("no longer by `{rule}`"),
            (Decision::Clean, Decision::Clean) => String::new(),
        };
        let directive = one.violation_type.as_deref().unwrap_or("no directive");
        out.push_str(&format!("  {:6}  {}  {directive}  {rule}\n", one.reports, one.app_name));
        for specimen in &one.specimens {
            let blocked = specimen.blocked_uri.as_deref().unwrap_or("nothing named");
            let page = specimen.document_uri.as_deref().unwrap_or("a page that is not named");
            out.push_str(&format!("          {blocked} on {page}"));
            if let Some(source) = specimen.source_file.as_deref().filter(|source| *source != page) {
                out.push_str(&format!(", from {source}"));
            }
            out.push_str(&format!("\n          cspipe explain --id {}\n", specimen.id));
        }
    }
    if moves.len() > MAX_GROUPS {
        let rest: u64 = moves[MAX_GROUPS..].iter().map(|one| one.reports).sum();
        out.push_str(&format!(
            "  {rest:6}  in {} more groups; --format json shows all\n",
            moves.len() - MAX_GROUPS
        ));
    }
}

fn as_json(trial: &Trial<'_>, seen: Seen, rules: &RuleSet) -> serde_json::Value {
    let labels: Vec<_> = trial
        .labels()
        .map(|(label, gained, lost)| json!({ "label": label, "gained": gained, "lost": lost }))
        .collect();
    json!({
        "rules_hash": rules.hash(),
        "violations": seen.violations,
        "unreadable": seen.unreadable,
        "unchanged": trial.unchanged(),
        "moves": trial.moves(),
        "observed": trial.observed(),
        "labels": labels,
    })
}

/// How many groups a person is shown.
const MAX_GROUPS: usize = 20;
