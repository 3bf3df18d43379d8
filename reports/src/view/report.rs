//! A report as text: the contents of the page and the summary, in their order.

use crate::view::arms::{ArmData, Lead, of_arms};
use crate::view::figure::Figure;
use crate::view::procedures::ProcedureView;
use crate::view::settings::Settings;
use crate::view::table::Table;
use crate::view::tables;
use crate::view::{curves, limits, lines, loads, messages, pool, repetitions, stalls, time};
use aelab_results::caveat::{Merged, merge};
use aelab_results::folder::Folder;
use aelab_results::hlog::Metric;
use aelab_results::record::{CaveatRecord, ClaimVerdict, RunRecord, Severity};
use aelab_results::text::escape::shell_quoted;
use aelab_results::text::number::{counted, grouped, seconds};

/// A report.
#[derive(Debug)]
pub(crate) struct Report {
    /// What was run.
    pub(crate) heading: String,
    /// When, against what, how long.
    pub(crate) facts: Vec<String>,
    /// The load in words, one line per group; empty if arms have loads of their own.
    pub(crate) workload: Vec<String>,
    /// The user's note; may be empty.
    pub(crate) note: String,
    /// The question it answers; may be empty.
    pub(crate) question: String,
    /// The claims and their verdicts.
    pub(crate) claims: Vec<ClaimView>,
    /// Caveats, the most severe first.
    pub(crate) caveats: Vec<Merged>,
    /// Stated limits and their outcome; empty without any.
    pub(crate) limits: Table,
    /// Which of the two times comes first, and why; empty for response time.
    pub(crate) lead: &'static str,
    /// The key figures.
    pub(crate) key: Table,
    /// Each repetition of each arm; empty if every arm ran once.
    pub(crate) repetitions: Table,
    /// In the order shown.
    pub(crate) figures: Vec<Figure>,
    /// Results of procedures, arm by arm.
    pub(crate) procedures: Vec<ProcedureView>,
    /// Percentiles of the headline, response and service side by side.
    pub(crate) percentiles: Table,
    /// Emulated connection pools, and the wait for them; empty without any.
    pub(crate) pool: Vec<Table>,
    /// Delivery of messages; empty without receivers.
    pub(crate) messages: Vec<Table>,
    /// The stalls.
    pub(crate) stalls: Table,
    /// The text if there are none.
    pub(crate) no_stall: String,
    /// The load of each arm in words; empty for a single run.
    pub(crate) loads: Table,
    /// Every group and command.
    pub(crate) groups: Table,
    /// The outcome of all requests.
    pub(crate) counts: Table,
    /// The machine and the server.
    pub(crate) environment: Table,
    /// The server's settings.
    pub(crate) settings: Settings,
    /// The command line.
    pub(crate) command: String,
    /// Names and folders of the arms, for links.
    pub(crate) arms: Vec<(String, String)>,
    /// Files beside the page and what they are.
    pub(crate) files: Vec<(&'static str, &'static str)>,
}

/// A claim with its outcome.
#[derive(Debug)]
pub(crate) struct ClaimView {
    pub(crate) id: String,
    pub(crate) text: String,
    /// A note on the verdict; may be empty.
    pub(crate) note: String,
    /// What was expected and what was measured, part by part.
    pub(crate) criteria: Vec<(String, String)>,
    pub(crate) verdict: ClaimVerdict,
}

impl Report {
    /// The report of a folder.
    pub(crate) fn of(folder: &Folder) -> Self {
        let single = folder;
        let folder = &repetitions::together(single);
        let arms = ArmData::of(folder);
        let record = &folder.record;
        let scenario = record.scenario.as_ref();
        let figures = [
            lines::figure(folder),
            curves::figure(&arms),
            time::response(&arms),
            time::throughput(&arms),
        ];
        let mut report = Self {
            heading: heading(folder),
            facts: facts(folder, &arms),
            workload: loads::lines(record),
            note: record.note.clone(),
            question: scenario.map_or(String::new(), |s| s.question.clone()),
            claims: claims(record),
            caveats: caveats(folder),
            limits: limits::table(folder),
            lead: Lead::of(&arms).reason(),
            key: tables::key_figures(&arms),
            figures: figures.into_iter().flatten().collect(),
            repetitions: repetitions::table(single, Lead::of(&arms)),
            procedures: ProcedureView::of(single),
            percentiles: of_arms(&arms, tables::percentiles(&arms)),
            pool: pool::tables(&arms),
            messages: messages::tables(&arms),
            no_stall: stalls::none_of(&arms),
            stalls: of_arms(&arms, tables::stall_list(&arms)),
            loads: loads::table(folder),
            groups: of_arms(&arms, tables::groups(&arms)),
            counts: of_arms(&arms, tables::counts(&arms)),
            environment: tables::environment(folder),
            settings: Settings::of(folder),
            command: record
                .command
                .iter()
                .map(|word| shell_quoted(word))
                .collect::<Vec<_>>()
                .join(" "),
            arms: folder.arms.iter().map(|(a, _)| (a.name.clone(), a.dir.clone())).collect(),
            files: files(folder),
        };
        let count = repetitions::count(single);
        if count > 1 {
            let each = if single.arms.is_empty() { "this arm" } else { "each arm" };
            report.facts.push(format!("{count} repetitions of {each}"));
        }
        if let Some(headline) = repetitions::headline(single)
            && let Some(figure) = report.figures.iter_mut().find(|f| f.name == "percentiles")
        {
            figure.title = headline;
        }
        if report.is_invalid() {
            report.figures.iter_mut().for_each(Figure::mark_invalid);
        }
        report
    }

    /// True if there was load whose response time was measured.
    pub(crate) fn has_load(&self) -> bool {
        !self.groups.rows.is_empty()
    }

    /// True if a caveat makes the numbers invalid.
    pub(crate) fn is_invalid(&self) -> bool {
        self.caveats.iter().any(|c| c.caveat.severity == Severity::Invalid)
    }

    /// The text at the top of an invalid report.
    pub(crate) fn warning(&self) -> &'static str {
        match self.claims.is_empty() {
            true => "These figures are invalid: see the caveats below.",
            false => "These verdicts and figures are invalid: see the caveats below.",
        }
    }
}

fn heading(folder: &Folder) -> String {
    if !folder.record.title.is_empty() {
        return folder.record.title.clone();
    }
    match &folder.record.scenario {
        Some(s) if s.title.is_empty() => s.name.clone(),
        Some(s) => format!("{}: {}", s.name, s.title),
        None => {
            let names: Vec<&str> = folder
                .record
                .headline_groups()
                .iter()
                .flat_map(|g| g.commands.keys())
                .map(String::as_str)
                .collect();
            let server = folder.record.server.as_ref().map_or("the server", |s| s.name.as_str());
            if names.is_empty() {
                format!("Latency of {server}")
            } else {
                format!("Latency of {} on {server}", names.join(", "))
            }
        }
    }
}

fn facts(folder: &Folder, arms: &[ArmData<'_>]) -> Vec<String> {
    let record = &folder.record;
    let mut facts = Vec::new();
    let server =
        record.server.as_ref().or_else(|| arms.iter().find_map(|a| a.record.server.as_ref()));
    if let Some(server) = server {
        let version = server.version.as_deref().unwrap_or("");
        facts.push(format!("{} {version}", server.name).trim().to_owned());
    }
    if !record.started_at.is_empty() {
        facts.push(record.started_at.replace('T', " ").replace('Z', " UTC"));
    }
    if let Some(scenario) = record.scenario.as_ref().filter(|s| !s.scale.is_empty()) {
        facts.push(format!("scale {}", scenario.scale));
    }
    let longest = arms.iter().map(|a| a.record.duration_s).fold(0.0, f64::max);
    if longest > 0.0 {
        let each = if arms.len() > 1 { " per arm" } else { "" };
        facts.push(format!("{}{each} measured", seconds(longest)));
    }
    let requests: u64 = arms.iter().flat_map(ArmData::groups).map(|g| g.counts.scheduled).sum();
    if requests > 0 {
        facts.push(format!(
            "{} {}",
            grouped(requests),
            if requests == 1 { "request" } else { "requests" }
        ));
    }
    let tool = format!("{} {}", record.tool.name, record.tool.version);
    let commit = record.tool.commit.as_ref().map_or(String::new(), |c| format!(" ({c})"));
    facts.push(format!("{tool}{commit}, seed {}", record.seed));
    facts.extend(record.tags.iter().map(|(name, value)| format!("{name}={value}")));
    facts
}

fn claims(record: &RunRecord) -> Vec<ClaimView> {
    let view = |claim: &aelab_results::record::Claim| ClaimView {
        id: claim.id.clone(),
        text: claim.text.clone(),
        note: claim.note.clone(),
        criteria: match claim.parts.is_empty() {
            true => criteria(&claim.expected, &claim.measured),
            false => claim.parts.iter().map(part).collect(),
        },
        verdict: claim.verdict,
    };
    record.scenario.iter().flat_map(|s| &s.claims).map(view).collect()
}

/// A criterion: what was expected, and the number with its meaning.
fn part(part: &aelab_results::record::ClaimPart) -> (String, String) {
    let measured = match (part.outcome.as_str(), part.why.as_str()) {
        ("holds", _) => part.number.clone(),
        ("open", "") => format!("{}: not decided", part.number),
        ("open", why) if part.number.contains(why) => part.number.clone(),
        ("open", why) => format!("{}: not decided, {why}", part.number),
        (outcome, _) => format!("{}: {outcome}", part.number),
    };
    (format!("{}: {}", part.says, part.wanted), measured)
}

/// A criterion of several parts (`a; b`) beside its measurements, if both have the same number of parts.
fn criteria(expected: &str, measured: &str) -> Vec<(String, String)> {
    let parts = |text: &str| text.split("; ").map(str::to_owned).collect::<Vec<_>>();
    let (wanted, found) = (parts(expected), parts(measured));
    if wanted.len() != found.len() {
        return vec![(expected.to_owned(), measured.to_owned())];
    }
    wanted.into_iter().zip(found).collect()
}

/// The caveats of the folder and of its arms, merged.
fn caveats(folder: &Folder) -> Vec<Merged> {
    let mut all: Vec<CaveatRecord> =
        folder.record.caveats.iter().map(|c| with_arm(c, folder)).collect();
    for (arm, arm_folder) in &folder.arms {
        let caveats = arm_folder.record.caveats.iter().cloned().chain(log_mismatch(arm_folder));
        all.extend(caveats.map(|c| CaveatRecord { arm: Some(arm.name.clone()), ..c }));
    }
    all.extend(log_mismatch(folder));
    if folder.hlog.as_ref().is_some_and(|log| log.torn) {
        all.push(warning(
            "log-torn",
            "the last line of latency.hlog is incomplete and was skipped".to_owned(),
            "The run was stopped while it wrote the log. Run it again before you use the numbers",
        ));
    }
    let missing = folder.record.scenario.as_ref().map_or(0, |s| s.arms.len()) - folder.arms.len();
    if missing > 0 {
        all.push(warning(
            "arms-missing",
            format!("{} not run, because the scenario was interrupted", counted(missing, "arm")),
            "Run it again to the end before you use the numbers",
        ));
    }
    merge(all)
}

/// A caveat of the folder itself, found while reading it.
fn warning(id: &str, text: String, remedy: &str) -> CaveatRecord {
    CaveatRecord {
        id: id.to_owned(),
        severity: Severity::Warning,
        value: None,
        limit: None,
        text,
        remedy: remedy.to_owned(),
        arm: None,
    }
}

/// A caveat of a scenario with the arm that it is about. Older records have the arm's label in front of the text instead.
fn with_arm(caveat: &CaveatRecord, folder: &Folder) -> CaveatRecord {
    let labelled = folder.arms.iter().find_map(|(arm, _)| {
        let label = [&arm.summary, &arm.name].into_iter().filter(|label| !label.is_empty());
        let text = label
            .filter_map(|label| caveat.text.strip_prefix(label.as_str())?.strip_prefix(": "))
            .next()?;
        Some((arm.name.clone(), text.to_owned()))
    });
    match labelled {
        Some((arm, text)) if caveat.arm.is_none() => {
            CaveatRecord { arm: Some(arm), text, ..caveat.clone() }
        }
        _ => caveat.clone(),
    }
}

/// A caveat if the log holds fewer replies than the record counts, or more. Requests with a reply are always in the log;
/// those that ended in an error or a timeout may be.
fn log_mismatch(folder: &Folder) -> Option<CaveatRecord> {
    let log = folder.hlog.as_ref()?;
    let (group, logged) = folder.record.groups.iter().find_map(|group| {
        let series = log.of_group(&group.name, Metric::Response);
        let logged = series.map_or(0, |s| s.merged().total());
        let c = &group.counts;
        // The samples of such a group are messages, not replies.
        if group.delivery.is_some() {
            return None;
        }
        let fits = (c.ok..=c.ok + c.error + c.timeout).contains(&logged);
        (!fits).then_some((group, logged))
    })?;
    let text = format!(
        "latency.hlog has {} replies of group {}, but result.json counts {}. The charts and the tables show different requests",
        grouped(logged),
        group.name,
        grouped(group.counts.ok)
    );
    Some(warning("log-mismatch", text, "Restore both files from the same run, or run it again"))
}

fn files(folder: &Folder) -> Vec<(&'static str, &'static str)> {
    let mut files = vec![("result.json", "all numbers of this page, exact, for programs")];
    if folder.hlog.is_some() {
        files.push((
            "latency.hlog",
            "HdrHistogram interval log; lines without a tag are the headline response time",
        ));
    }
    files.push(("summary.md", "short form for a pull request"));
    files
}
