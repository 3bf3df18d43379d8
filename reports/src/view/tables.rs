//! The tables of a report, filled from the record. Every number here is in `result.json` too.

use crate::view::arms::{ArmData, Lead};
use crate::view::quantiles::{NONE, at, interval, largest, none, or_none, value};
use crate::view::table::Table;
use crate::view::{engine, messages, stalls};
use aelab_results::folder::Folder;
use aelab_results::record::{Counts, Group, Metrics, Server};
use aelab_results::text::number::{grouped, percent, percentile, rate, seconds};

/// The key figures, one column per arm.
pub(crate) fn key_figures(arms: &[ArmData<'_>]) -> Table {
    let heads: Vec<String> = arms
        .iter()
        .map(|a| format!(">{}", if a.name.is_empty() { "value" } else { &a.name }))
        .collect();
    let mut columns = vec!["<Figure"];
    columns.extend(heads.iter().map(String::as_str));
    let mut table = Table::new("", &columns);
    let mut row = |name: &str, cell: &dyn Fn(&ArmData<'_>) -> String| {
        let mut cells = vec![name.to_owned()];
        cells.extend(arms.iter().map(cell));
        if cells.iter().skip(1).any(|c| c != NONE) {
            table.push(cells);
        }
    };
    times(arms, &mut row);
    for p in [50.0, 99.0] {
        // Kernel timestamps, if requested. Only for a single group: percentiles of several groups do not add up.
        let name = format!("part of it from the kernel to the load generator, {}", percentile(p));
        row(&name, &|a| match &a.groups()[..] {
            [group] => or_none(group.kernel.as_ref().map(|kernel| at(&kernel.wake_up, p))),
            _ => none(),
        });
    }
    row("requests redirected by the cluster", &|a| {
        let counts = a.groups().into_iter().filter_map(|g| g.redirects).map(|r| r.moved + r.asked);
        or_none(counts.reduce(|x, y| x + y).map(grouped))
    });
    row("replies per second", &|a| or_none(messages::per_second(a, false).map(rate)));
    row(received_name(arms), &|a| or_none(messages::per_second(a, true).map(rate)));
    row("messages lost", &|a| or_none(messages::lost(a)));
    row("of these, replies to warm-up requests", &|a| {
        let carried: u64 = a.groups().iter().map(|g| g.carried_over).sum();
        let per_second = carried as f64 / a.record.duration_s;
        or_none((carried > 0 && per_second.is_finite()).then(|| rate(per_second)))
    });
    row("requests due per second", &|a| or_none(offered(a).map(rate)));
    row(stalls::EXPLAINED, &|a| stalls::counted_of(a.record, true));
    row(stalls::UNEXPLAINED, &|a| stalls::counted_of(a.record, false));
    row("longest stall", &|a| {
        or_none(stalls::notable(a.record).map(|s| s.duration_s).max_by(f64::total_cmp).map(seconds))
    });
    row("requests delayed by stalls", &|a| {
        grouped(stalls::notable(a.record).map(|s| s.delayed).sum())
    });
    row("client-seconds lost in stalls", &|a| {
        seconds(stalls::notable(a.record).map(|s| s.lost_client_seconds).sum::<f64>())
    });
    row("errors and timeouts", &|a| {
        let share = a.groups().iter().map(|g| g.counts.error_share()).fold(0.0, f64::max);
        percent(share)
    });
    row("unfinished requests", &|a| or_none(a.unfinished_share().map(percent)));
    table
}

/// A row of the key figures: its name, and what it says of each arm.
type Row<'r> = &'r mut dyn FnMut(&str, &dyn Fn(&ArmData<'_>) -> String);

/// The times among the key figures: those of replies, those of messages, and the wait for a pool.
fn times(arms: &[ArmData<'_>], row: Row<'_>) {
    let lead = Lead::of(arms);
    for kind in Kind::of(arms) {
        let of = |lead: Lead| format!("{}{}", lead.name(), kind.suffix());
        for p in [50.0, 99.0, 99.9] {
            let name = format!("{}, {}", of(lead), percentile(p));
            // The table of percentiles says how many samples a missing percentile needs.
            let supported =
                |g: &Group| lead.figures(&g.total).at(p).filter(|q| q.us.is_some()).map(value);
            row(&name, &|a| or_none(kind.headline(a).and_then(supported)));
        }
        row(&format!("{}, largest", of(lead)), &|a| {
            let open = a.unfinished_share().is_some() && *kind != Kind::Messages;
            kind.headline(a).map_or_else(none, |g| largest(lead.figures(&g.total), open))
        });
        let other = lead.other();
        row(&format!("{}, p99", of(other)), &|a| {
            kind.headline(a).map_or_else(none, |g| at(other.figures(&g.total), 99.0))
        });
    }
    for p in [50.0, 99.0] {
        row(&format!("wait for a pool connection, {}", percentile(p)), &|a| {
            let pool = a.groups().into_iter().find_map(|g| g.pool.as_ref());
            or_none(pool.map(|pool| at(&pool.wait, p)))
        });
    }
    row("pool timeouts", &|a| {
        let pools = a.groups().into_iter().filter_map(|g| g.pool.as_ref());
        or_none(pools.map(|pool| pool.pool_timeouts).reduce(|x, y| x + y).map(grouped))
    });
}

/// What the times of the key figures belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// All groups of the headline, which are of one kind.
    All,
    /// Of replies, beside messages.
    Replies,
    /// Of messages, beside replies.
    Messages,
}

impl Kind {
    /// The kinds to show: separate if the headline has both.
    fn of(arms: &[ArmData<'_>]) -> &'static [Self] {
        match messages::are_mixed(arms) {
            true => &[Self::Replies, Self::Messages],
            false => &[Self::All],
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Replies => " of replies",
            Self::Messages => " of messages",
        }
    }

    /// The only group of its kind in the headline, or the first, since a record has no merged percentiles over groups.
    fn headline<'a>(self, arm: &ArmData<'a>) -> Option<&'a Group> {
        arm.groups().into_iter().find(|group| match self {
            Self::All => true,
            Self::Replies => !group.has_messages(),
            Self::Messages => group.has_messages(),
        })
    }
}

/// The name of the rate at which receivers receive.
fn received_name(arms: &[ArmData<'_>]) -> &'static str {
    match arms.iter().flat_map(ArmData::groups).any(|g| g.blocked.is_some()) {
        true => "received per second (messages, and replies to blocking commands)",
        false => "messages received per second",
    }
}

/// Requests that were due per second in the headline's groups; receivers send nothing.
fn offered(arm: &ArmData<'_>) -> Option<f64> {
    let senders = arm.groups().into_iter().filter(|g| !g.has_messages());
    let sum: f64 = senders.map(|g| g.arrival.rate).sum::<Option<f64>>()?;
    (sum > 0.0).then_some(sum)
}

/// Percentiles of the headline groups.
pub(crate) fn percentiles(arms: &[ArmData<'_>]) -> Table {
    let mut table = Table::new(
        "Percentiles with 95 % intervals",
        &[
            "<Arm",
            "<Group",
            ">Percentile",
            ">Response time",
            ">95 % interval",
            ">Service time",
            ">95 % interval",
        ],
    );
    for arm in arms {
        for group in arm.groups() {
            let (response, service) = (&group.total.response_time, &group.total.service_time);
            for p in &response.percentiles {
                let other = service.at(p.p);
                table.push(vec![
                    arm.label().to_owned(),
                    group.name.clone(),
                    percentile(p.p),
                    value(p),
                    interval(p),
                    other.map_or_else(none, value),
                    other.map_or_else(none, interval),
                ]);
            }
            let open = group.unfinished() > 0;
            table.push(vec![
                arm.label().to_owned(),
                group.name.clone(),
                "largest".to_owned(),
                largest(response, open),
                String::new(),
                largest(service, open),
                String::new(),
            ]);
        }
    }
    table
}

/// The stalls of all arms.
pub(crate) fn stall_list(arms: &[ArmData<'_>]) -> Table {
    let left_out = stalls::not_listed(arms).map_or_else(String::new, |n| format!(" ({n})"));
    let mut table = Table::new(
        format!("Stalls: time spans without any reply while requests were due{left_out}"),
        &[
            "<Arm",
            ">Start",
            ">Length",
            "<Cause",
            ">Requests delayed",
            ">Client-seconds lost",
            "<Evidence",
        ],
    );
    for arm in arms {
        for stall in stalls::listed(arm) {
            table.push(vec![
                arm.label().to_owned(),
                format!("{:.3}\u{a0}s", stall.start_s),
                seconds(stall.duration_s),
                stall.cause.clone().unwrap_or_else(|| "unknown".to_owned()),
                grouped(stall.delayed),
                seconds(stall.lost_client_seconds),
                stall.evidence.join("; "),
            ]);
        }
    }
    table
}

/// Every group and command, offenders included.
pub(crate) fn groups(arms: &[ArmData<'_>]) -> Table {
    let received = arms.iter().flat_map(|a| &a.record.groups).any(Group::has_messages);
    let mut table = Table::new(
        "Every group and command",
        &[
            "<Arm",
            "<Group",
            "<Role",
            "<Command",
            if received { ">Replies or messages" } else { ">Replies" },
            ">Response p50",
            ">Response p99",
            ">Response largest",
            ">Service p50",
            ">Service p99",
        ],
    );
    for arm in arms {
        for group in &arm.record.groups {
            for (command, metrics) in &group.commands {
                table.push(group_row(arm, group, command, metrics));
            }
        }
    }
    table
}

fn group_row(arm: &ArmData<'_>, group: &Group, command: &str, m: &Metrics) -> Vec<String> {
    vec![
        arm.label().to_owned(),
        group.name.clone(),
        group.role.as_str().to_owned(),
        command.to_owned(),
        grouped(m.response_time.count),
        at(&m.response_time, 50.0),
        at(&m.response_time, 99.0),
        largest(&m.response_time, group.unfinished() > 0),
        at(&m.service_time, 50.0),
        at(&m.service_time, 99.0),
    ]
}

/// The outcome of all requests, and the connections.
pub(crate) fn counts(arms: &[ArmData<'_>]) -> Table {
    let mut table = Table::new(
        "Outcome of all requests",
        &[
            "<Arm",
            "<Group",
            "<Arrivals",
            ">Connections",
            ">Scheduled",
            ">Sent",
            ">Shed",
            ">OK",
            ">Errors",
            ">Timeouts",
            ">Unfinished",
        ],
    );
    for arm in arms {
        for group in &arm.record.groups {
            let Counts { scheduled, sent, shed, ok, error, timeout, unfinished, never_sent: _ } =
                group.counts;
            let arrivals = match group.arrival.rate {
                Some(offered) => format!("{}, {}", group.arrival.process, rate(offered)),
                None if group.has_messages() => "receiving".to_owned(),
                None => group.arrival.process.clone(),
            };
            let connections = group.connections;
            let mut row = vec![arm.label().to_owned(), group.name.clone(), arrivals];
            row.push(match &group.pool {
                Some(pool) => {
                    let (most, size) = (grouped(pool.most_open), grouped(connections.asked));
                    format!("pool, at most {most} of {size} open")
                }
                None if connections.established == connections.asked => grouped(connections.asked),
                None => format!(
                    "{} of {}",
                    grouped(connections.established),
                    grouped(connections.asked)
                ),
            });
            let numbers = [scheduled, sent, shed, ok, error, timeout, unfinished];
            row.extend(numbers.map(grouped));
            table.push(row);
        }
    }
    table
}

/// The machine and the server, one fact per row.
pub(crate) fn environment(folder: &Folder) -> Table {
    let mut table = Table::new("Machine and server", &["<Fact", "<Value"]);
    // A scenario's own record may leave them to its arms.
    let own = folder.record.environment.clone();
    let environment = if own == Default::default() {
        folder.arms.first().map_or(own, |(_, arm)| arm.record.environment.clone())
    } else {
        own
    };
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            table.push(vec![name.to_owned(), value]);
        }
    };
    fact("CPU model", environment.cpu_model);
    fact("cores", environment.cores.map(grouped));
    fact("kernel", environment.kernel);
    fact("frequency governor", environment.governor);
    fact("open files (ulimit -n)", environment.nofile.map(grouped));
    fact("net.core.somaxconn", environment.somaxconn.map(grouped));
    fact("clock", environment.clock);
    for (name, value) in environment.other {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        fact(&name.replace('_', " "), Some(text));
    }
    let audited = folder.arms.iter().find_map(|(_, arm)| arm.record.audit.as_ref());
    for (name, value) in
        folder.record.audit.as_ref().or(audited).iter().flat_map(|a| engine::facts(a))
    {
        fact(name, Some(value));
    }
    let mut servers: Vec<&Server> = Vec::new();
    let of_arms = folder.arms.iter().filter_map(|(_, arm)| arm.record.server.as_ref());
    for server in folder.record.server.iter().chain(of_arms) {
        let same = |s: &&Server| (&s.name, &s.version) == (&server.name, &server.version);
        if !servers.iter().any(same) {
            servers.push(server);
        }
    }
    for server in servers {
        let version = server.version.as_deref().unwrap_or("");
        fact("server", Some(format!("{} {version}", server.name).trim().to_owned()));
        fact("server: keys at the start", server.keys.map(grouped));
        let refused = |why: &String| format!("CONFIG GET was refused ({why}); these are from INFO");
        fact("server: settings", server.config_refusal.as_ref().map(refused));
    }
    table
}
