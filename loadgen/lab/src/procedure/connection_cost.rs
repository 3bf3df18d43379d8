//! What a connection costs the server: descriptors, entries of its epoll, its own memory and the kernel's (B8, B9).
//!
//! Connections are opened in steps. At each step the server's process is observed from outside, once with unused connections
//! and once after a command on each. Costs are slopes: growth divided by connections. Invariant: the server reports that it has
//! accepted all connections of a step before it is observed.

use crate::control::Control;
use crate::observe::sys;
use crate::procedure::raw_client::RawClient;
use crate::procedure::{Findings, ServerUnderTest, Table};
use crate::server::info::Info;
use aelab_engine::clock;
use aelab_engine::error::Failure;
use aelab_results::record::Curve;
use std::fs;
use std::os::fd::AsFd as _;
use std::time::Duration;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// Numbers of connections at which the server is observed, rising.
    pub connections: Vec<usize>,
    /// How long connections stay idle after their command before the next observation; zero skips it.
    pub rest: Duration,
}

/// Connections made and closed first, so that one-time allocations of the server are not counted as cost.
const FIRST_GUESTS: usize = 20;
/// Longest wait for the server to accept all connections of a step.
const ACCEPT_TIMEOUT: Duration = Duration::from_secs(30);
/// Caches of the kernel that grow with TCP connections and epoll entries.
const CACHES: [&str; 6] =
    ["TCP", "sock_inode_cache", "filp", "dentry", "eventpoll_epi", "eventpoll_pwq"];

/// Runs the procedure.
///
/// # Errors
/// The server's process cannot be observed, or it accepts fewer connections than requested.
pub fn run(under_test: &ServerUnderTest<'_>, params: &Params) -> Result<Findings, Failure> {
    let pid = under_test.pid.ok_or_else(|| {
        Failure::usage(
            "the cost of connections is read from /proc, so loadgen must start the server itself",
        )
    })?;
    aelab_engine::sys::raise_descriptor_limit();
    let mut control = Control::open(&under_test.target)?;
    let present = info_of(&mut control)?.number("connected_clients").unwrap_or(1.0);
    for _ in 0..FIRST_GUESTS {
        RawClient::connect(&under_test.target)?.ask(&["GET", "aelab:nothing"])?;
    }
    wait_for(&mut control, present, under_test)?;
    let base = Look::take(pid, &mut control)?;
    let mut guests: Vec<RawClient> = Vec::new();
    let (mut idle, mut used) = (Vec::new(), Vec::new());
    for count in &params.connections {
        while guests.len() < *count {
            let raw_client = RawClient::connect(&under_test.target)?;
            // Without a reset, thousands of ports would stay in TIME_WAIT during the next arm.
            let _ = sys::reset_on_close(raw_client.as_fd());
            guests.push(raw_client);
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of connections are far below 2^53")]
        wait_for(&mut control, present + guests.len() as f64, under_test)?;
        idle.push((guests.len(), Look::take(pid, &mut control)?));
    }
    let settled = rest(under_test, params, pid, &mut control)?;
    // Each step again with connections that have been used, the first ones first.
    let mut done = 0;
    for count in &params.connections {
        for guest in &mut guests[done..*count] {
            guest.ask(&["GET", "aelab:nothing"])?;
        }
        done = *count;
        under_test.go_on()?;
        used.push((done, Look::take(pid, &mut control)?));
    }
    let mut findings = Findings::default();
    let before_use = settled.or_else(|| idle.last().map(|(_, look)| *look)).unwrap_or(base);
    report(&base, &idle, before_use, &used, &mut findings);
    let rested = rest(under_test, params, pid, &mut control)?;
    for (name, look) in [("settled", settled), ("rested", rested)] {
        if let Some(look) = look {
            per_connection(name, &base, &look, base, done, &mut findings);
            buffers_of_clients(name, &look, &mut findings);
        }
    }
    for (name, looks) in [("idle", &idle), ("command", &used)] {
        if let Some((_, look)) = looks.last() {
            buffers_of_clients(name, look, &mut findings);
        }
    }
    shrinkage(&mut findings);
    Ok(findings)
}

/// What the server looks like after a pause without commands; `None` if none is asked for.
fn rest(
    under_test: &ServerUnderTest<'_>,
    params: &Params,
    pid: u32,
    control: &mut Control,
) -> Result<Option<Look>, Failure> {
    if params.rest.is_zero() {
        return Ok(None);
    }
    std::thread::sleep(params.rest);
    under_test.go_on()?;
    Look::take(pid, control).map(Some)
}

/// The buffers of the clients, which are what grows and shrinks.
fn buffers_of_clients(name: &str, look: &Look, findings: &mut Findings) {
    for (what, bytes) in
        [("query_buffer_bytes", look.query_buffer), ("reply_buffer_bytes", look.reply_buffer)]
    {
        if let Some(bytes) = bytes {
            findings.add(format!("{name}_{what}"), bytes);
        }
    }
}

/// Why a connection costs less after a pause, in words.
fn shrinkage(findings: &mut Findings) {
    let value = |name: &str| findings.get(name).map(|figure| figure.value);
    let both =
        |what: &str| Some((value(&format!("command_{what}"))?, value(&format!("rested_{what}"))?));
    let Some((used, rested)) = both("allocated_bytes") else { return };
    let kb = |bytes: f64| format!("{:.1} KB", bytes / 1e3);
    let mut note = format!(
        "a connection has {} of allocated memory directly after a command, and {} after the pause",
        kb(used),
        kb(rested)
    );
    for (what, label) in
        [("query_buffer_bytes", "query buffer"), ("reply_buffer_bytes", "reply buffer")]
    {
        if let Some((used, rested)) = both(what) {
            note.push_str(&format!("; its {label} goes from {} to {}", kb(used), kb(rested)));
        }
    }
    findings.notes.push(note);
}

fn info_of(control: &mut Control) -> Result<Info, Failure> {
    Ok(Info::parse(&control.info()?))
}

/// Waits until the server reports this number of connected clients.
fn wait_for(
    control: &mut Control,
    clients: f64,
    under_test: &ServerUnderTest<'_>,
) -> Result<(), Failure> {
    let from = clock::now();
    loop {
        let now = info_of(control)?.number("connected_clients").unwrap_or(clients);
        if (now - clients).abs() < 0.5 {
            return Ok(());
        }
        under_test.go_on()?;
        if Duration::from(clock::now().since(from)) > ACCEPT_TIMEOUT {
            return Err(Failure::invalid(format!(
                "the server reports {now} connected clients instead of {clients}; check that its maxclients is large enough"
            )));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The server's process, at one moment.
#[derive(Debug, Clone, Copy, Default)]
struct Look {
    descriptors: f64,
    epoll_entries: f64,
    resident_bytes: f64,
    /// Allocated memory, as the server reports it.
    allocated_bytes: Option<f64>,
    /// Kernel memory of both ends' sockets and their epoll entries; `None` where /proc/slabinfo may not be read.
    kernel_bytes: Option<f64>,
    /// Buffers of all TCP sockets of this machine.
    buffer_bytes: Option<f64>,
    /// Average query buffer and reply buffer of a client, from CLIENT LIST.
    query_buffer: Option<f64>,
    reply_buffer: Option<f64>,
}

impl Look {
    fn take(pid: u32, control: &mut Control) -> Result<Self, Failure> {
        let info = info_of(control)?;
        let gone = |error| Failure::invalid(format!("cannot look at process {pid}: {error}"));
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).map_err(gone)?;
        let (mut count, mut entries) = (0, 0);
        for descriptor in descriptors.flatten() {
            count += 1;
            let is_epoll = fs::read_link(descriptor.path())
                .is_ok_and(|target| target.to_string_lossy().contains("[eventpoll]"));
            if is_epoll {
                let name = descriptor.file_name();
                let path = format!("/proc/{pid}/fdinfo/{}", name.to_string_lossy());
                let text = fs::read_to_string(path).unwrap_or_default();
                entries += text.lines().filter(|line| line.starts_with("tfd:")).count();
            }
        }
        let clients = client_list(control);
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).map_err(gone)?;
        Ok(Self {
            descriptors: f64::from(count),
            #[expect(clippy::cast_precision_loss, reason = "descriptors are far below 2^53")]
            epoll_entries: entries as f64,
            resident_bytes: resident(&rollup).unwrap_or(0.0),
            allocated_bytes: info.number("used_memory"),
            kernel_bytes: fs::read_to_string("/proc/slabinfo").ok().map(|text| slabs(&text)),
            buffer_bytes: fs::read_to_string("/proc/net/sockstat").ok().and_then(|t| buffers(&t)),
            query_buffer: average(&clients, &["qbuf", "qbuf-free"]),
            reply_buffer: average(&clients, &["rbs"]),
        })
    }
}

/// The text of CLIENT LIST; empty if the server refuses it.
fn client_list(control: &mut Control) -> String {
    let reply = control.command(&[b"CLIENT", b"LIST"]);
    reply.ok().and_then(|reply| reply.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The average of the sum of these fields over the clients of CLIENT LIST; `None` if a field is missing. The client that asks
/// is left out: its buffers hold this list.
fn average(list: &str, fields: &[&str]) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    for client in list.lines().filter(|line| !line.contains(" cmd=client")) {
        for field in fields {
            let value =
                client.split(' ').find_map(|word| word.strip_prefix(field)?.strip_prefix('='));
            sum += value?.parse::<f64>().ok()?;
        }
        count += 1.0;
    }
    (count > 0.0).then(|| sum / count)
}

/// `Rss` of /proc/PID/smaps_rollup in bytes.
fn resident(text: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix("Rss:"))?;
    rest.split_whitespace().next()?.parse::<f64>().ok().map(|kib| kib * 1024.0)
}

/// Bytes in use in the caches of [`CACHES`], from the text of /proc/slabinfo.
fn slabs(text: &str) -> f64 {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let known = CACHES.contains(&fields.next()?);
            let (active, _, size) = (fields.next()?, fields.next()?, fields.next()?);
            known.then_some(active.parse::<f64>().ok()? * size.parse::<f64>().ok()?)
        })
        .sum()
}

/// Pages of TCP buffers, from the text of /proc/net/sockstat, in bytes.
fn buffers(text: &str) -> Option<f64> {
    /// The kernel counts here in pages of this size.
    const PAGE_BYTES: f64 = 4096.0;
    let line = text.lines().find(|line| line.starts_with("TCP:"))?;
    let pages = line.split_whitespace().skip_while(|word| *word != "mem").nth(1)?;
    pages.parse::<f64>().ok().map(|pages| pages * PAGE_BYTES)
}

/// `before_use` is the last look before the commands: what a command adds is the growth since then.
fn report(
    base: &Look,
    idle: &[(usize, Look)],
    before_use: Look,
    used: &[(usize, Look)],
    findings: &mut Findings,
) {
    let mut rows = Vec::new();
    for ((count, silent), (_, spoken)) in idle.iter().zip(used) {
        per_connection(&format!("idle{count}"), base, silent, *base, *count, findings);
        per_connection(&format!("command{count}"), base, spoken, before_use, *count, findings);
    }
    if let (Some((count, silent)), Some((_, spoken))) = (idle.last(), used.last()) {
        per_connection("idle", base, silent, *base, *count, findings);
        per_connection("command", base, spoken, before_use, *count, findings);
    }
    let none = f64::NAN;
    #[expect(clippy::cast_precision_loss, reason = "counts of connections are far below 2^53")]
    for ((what, looks), code) in [(("idle", idle), 0.0), (("after a command", used), 1.0)] {
        let _ = what;
        for (count, look) in looks {
            rows.push(vec![
                *count as f64,
                code,
                look.descriptors - base.descriptors,
                look.epoll_entries - base.epoll_entries,
                look.resident_bytes - base.resident_bytes,
                look.allocated_bytes.zip(base.allocated_bytes).map_or(none, |(is, was)| is - was),
                look.kernel_bytes.zip(base.kernel_bytes).map_or(none, |(is, was)| is - was),
            ]);
        }
    }
    let columns = [
        "connections",
        "used",
        "descriptors",
        "epoll_entries",
        "resident_bytes",
        "allocated_bytes",
        "kernel_both_ends_bytes",
    ];
    let counts: Vec<usize> = idle.iter().map(|(count, _)| *count).collect();
    chart(findings, &counts);
    findings.tables.push(Table {
        title: "growth with unused connections (used 0) and after one command on each (used 1)"
            .to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows,
    });
}

/// Memory per connection by their number, before and after a command on each, beside the article's figure.
#[expect(clippy::cast_precision_loss, reason = "counts of connections are far below 2^53")]
fn chart(findings: &mut Findings, counts: &[usize]) {
    /// The article: "roughly ~20 KB of RAM per connection in total".
    const ARTICLE_BYTES: f64 = 20_000.0;
    const LINES: [(&str, &str, &str); 4] = [
        ("allocated, idle", "idle", "allocated_bytes"),
        ("allocated, used", "command", "allocated_bytes"),
        ("resident, used", "command", "resident_bytes"),
        ("kernel, both ends", "idle", "kernel_both_ends_bytes"),
    ];
    findings.curve = Some(Curve {
        title: "Memory per connection, by number of connections".to_owned(),
        x: "connections".to_owned(),
        y: "bytes per connection".to_owned(),
        y_unit: "B".to_owned(),
        log: true,
        points: Vec::new(),
    });
    for count in counts {
        for (line, when, what) in LINES {
            let figure = findings.get(&format!("{when}{count}_{what}")).map(|figure| figure.value);
            if let Some(bytes) = figure {
                findings.add_point(line, *count as f64, bytes);
            }
        }
        findings.add_point("the article: 20 KB", *count as f64, ARTICLE_BYTES);
    }
}

/// Growth per connection. Of used connections only the first `count` were used: what all of them cost while idle (`opened`
/// against `base`, divided by the largest count) is added to what their use has added.
fn per_connection(
    name: &str,
    base: &Look,
    look: &Look,
    opened: Look,
    count: usize,
    findings: &mut Findings,
) {
    #[expect(clippy::cast_precision_loss, reason = "counts of connections are far below 2^53")]
    let count = count.max(1) as f64;
    let clients = (look.descriptors - base.descriptors).max(1.0);
    let share = |is: f64, was: f64, first: f64| (is - was) / count + (was - first) / clients;
    let mut add = |what: &str, is: Option<f64>, was: Option<f64>, first: Option<f64>| {
        if let (Some(is), Some(was), Some(first)) = (is, was, first) {
            findings.add(format!("{name}_{what}"), share(is, was, first));
        }
    };
    let of = |pick: fn(&Look) -> Option<f64>| (pick(look), pick(&opened), pick(base));
    for (what, pick) in [
        ("descriptors", (|l| Some(l.descriptors)) as fn(&Look) -> Option<f64>),
        ("epoll_entries", |l| Some(l.epoll_entries)),
        ("resident_bytes", |l| Some(l.resident_bytes)),
        ("allocated_bytes", |l| l.allocated_bytes),
        ("kernel_both_ends_bytes", |l| l.kernel_bytes),
        ("tcp_buffer_bytes", |l| l.buffer_bytes),
    ] {
        let (is, was, first) = of(pick);
        add(what, is, was, first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_says() {
        assert_eq!(resident("Rss:  12 kB\nPss: 3 kB\n"), Some(12288.0));
        assert_eq!(buffers("TCP: inuse 9 orphan 0 tw 0 alloc 11 mem 3\n"), Some(12288.0));
        let text = "# name <active_objs>\nTCP 66 130 2368 13 8 : x\nfilp 10 20 192 21 1 : x\nother 5 5 5 1 1\n";
        assert!((slabs(text) - (66.0 * 2368.0 + 10.0 * 192.0)).abs() < 0.1);
    }

    #[test]
    fn buffers_are_averages_over_clients() {
        let list = "id=3 name= qbuf=0 qbuf-free=20474 rbs=16384 cmd=get user=x\n\
                    id=4 name= qbuf=10 qbuf-free=0 rbs=1024 cmd=NULL user=x\n\
                    id=5 name= qbuf=26 qbuf-free=9 rbs=99 cmd=client|list user=x\n";
        assert_eq!(average(list, &["qbuf", "qbuf-free"]), Some(10_242.0));
        assert_eq!(average(list, &["rbs"]), Some(8704.0));
        assert_eq!(average(list, &["unknown"]), None);
        assert_eq!(average("", &["rbs"]), None);
        let mut findings = Findings::default();
        for (name, value) in [
            ("command_allocated_bytes", 22_800.0),
            ("rested_allocated_bytes", 2300.0),
            ("command_query_buffer_bytes", 20_474.0),
            ("rested_query_buffer_bytes", 0.0),
        ] {
            findings.add(name, value);
        }
        shrinkage(&mut findings);
        assert_eq!(
            findings.notes,
            [
                "a connection has 22.8 KB of allocated memory directly after a command, and 2.3 KB after the pause; its \
              query buffer goes from 20.5 KB to 0.0 KB"
            ]
        );
    }

    #[test]
    fn costs_are_slopes() {
        let look = |clients: f64, bytes: f64| Look {
            descriptors: clients,
            resident_bytes: bytes,
            ..Look::default()
        };
        let (base, silent) = (look(0.0, 1000.0), look(100.0, 1000.0 + 100.0 * 50.0));
        let mut findings = Findings::default();
        per_connection("idle", &base, &silent, base, 100, &mut findings);
        // Ten of the hundred were used and took 20 bytes more each.
        let spoken = look(100.0, silent.resident_bytes + 10.0 * 20.0);
        per_connection("command", &base, &spoken, silent, 10, &mut findings);
        let value = |name: &str| findings.get(name).map(|figure| figure.value);
        assert_eq!(value("idle_resident_bytes"), Some(50.0));
        assert_eq!(value("command_resident_bytes"), Some(70.0));
    }
}
