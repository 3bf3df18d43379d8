//! What goes wrong: connections killed, a server restarted, a limit reached, a starved client, ^C.

use crate::selftest::bench::{Bench, constant, find, group, response};
use crate::selftest::row::{Row, Unit};
use aelab_engine::clock::Nanos;
use aelab_engine::error::Failure;
use aelab_engine::plan::{Endpoint, Target};
use aelab_engine::sys;
use aelab_lab::control::Control;
use aelab_lab::record::{Context, keep};
use aelab_lab::server::ServerProcess;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::sleep;
use std::time::Duration;

/// Connections of A16, and how many of them are killed before the restart.
const CONNECTIONS: usize = 100;
const KILLED: usize = 10;
/// How long there is no server.
const OUTAGE: Duration = Duration::from_millis(500);
/// Connections asked for and allowed in A17.
const ASKED: usize = 5_000;
const ALLOWED: u64 = 1_000;
/// Threads that compete with the engine for its CPU in A18: it gets one part in five.
const COMPETITORS: usize = 4;
/// Runs that are interrupted in A21.
const INTERRUPTIONS: u32 = 20;

/// A16.
pub(super) fn restart(bench: &mut Bench<'_>) -> Result<Vec<Row>, Failure> {
    let server = bench.server(&[])?;
    let target = server.target.clone();
    let gets = group("victims", &target, &["GET", "__key__"], CONNECTIONS, constant(1_000.0));
    let plan = bench.plan(vec![gets], Nanos::ZERO, Nanos::from_secs(6));
    let servers = bench.servers;
    let (result, _successor) = std::thread::scope(|scope| {
        let faults = scope.spawn(move || {
            sleep(Duration::from_secs(2));
            kill_some(&target)?;
            sleep(Duration::from_secs(1));
            let Endpoint::Tcp(addr) = target.endpoint else {
                return Err(Failure::invalid("the server has no port"));
            };
            drop(server);
            // Its process is gone by now, so for at least this long no request is answered.
            sleep(OUTAGE);
            servers.start(Some(addr.port()), &[])
        });
        let result = bench.run(&plan);
        let successor =
            faults.join().map_err(|_| Failure::invalid("the thread that makes faults ended"));
        Ok::<_, Failure>((result?, successor??))
    })?;
    let victims = find(&result, "victims")?;
    let max = response(victims)?.exact.max as f64;
    let lost = (CONNECTIONS + KILLED) as u64;
    Ok(vec![
        Row::exactly(
            "A16",
            "connections lost: 10 killed, then all 100",
            victims.connections.lost,
            lost,
        ),
        Row::exactly("A16", "connections opened again", victims.connections.reconnects, lost),
        Row::inside(
            "A16",
            "longest response: outage, and until it is found again",
            Unit::Time,
            max,
            OUTAGE.as_nanos() as f64..=OUTAGE.as_nanos() as f64 + 3e9,
        ),
    ])
}

/// Kills some of the server's clients, never the one that asks.
fn kill_some(target: &Target) -> Result<(), Failure> {
    let mut control = Control::open(target)?;
    let own = control.command(&[b"CLIENT", b"ID"])?.as_i64().unwrap_or(0).to_string();
    let list = control.command(&[b"CLIENT", b"LIST"])?;
    let list = list.as_str().unwrap_or_default().to_owned();
    let ids =
        list.lines().filter_map(|line| line.split(' ').find_map(|field| field.strip_prefix("id=")));
    for id in ids.filter(|id| *id != own).take(KILLED) {
        control.command(&[b"CLIENT", b"KILL", b"ID", id.as_bytes()])?;
    }
    Ok(())
}

/// A17.
pub(super) fn too_many(bench: &mut Bench<'_>) -> Result<Vec<Row>, Failure> {
    let allowed = ALLOWED.to_string();
    let server = bench.server(&[("maxclients", &allowed)])?;
    let gets = group("victims", &server.target, &["GET", "__key__"], ASKED, constant(1_000.0));
    let plan = bench.plan(vec![gets], Nanos::ZERO, Nanos::from_secs(1));
    let result = bench.run(&plan)?;
    let connections = find(&result, "victims")?.connections;
    let kept = keep(&plan, &result, Context::default(), Vec::new());
    let caveat = kept.record.caveats.iter().find(|caveat| caveat.id.starts_with("connections"));
    let shown = caveat.map_or("nothing", |caveat| caveat.text.as_str());
    Ok(vec![
        Row::exactly("A17", "connections established of 5,000", connections.established, ALLOWED),
        Row::exactly("A17", "connections that failed", connections.failed, ASKED as u64 - ALLOWED),
        Row::said("A17", "what the report says of it", "a caveat", shown, caveat.is_some()),
    ])
}

/// A18.
pub(super) fn starved(bench: &mut Bench<'_>) -> Result<Vec<Row>, Failure> {
    const WHAT: &str = "verdict on a starved client";
    let Some(cpu) = bench.engine_cpu() else {
        return Ok(vec![Row::said(
            "A18",
            WHAT,
            "client-limited",
            "not run: it needs two CPUs",
            false,
        )]);
    };
    let server = bench.server(&[])?;
    let gets = group("victims", &server.target, &["GET", "__key__"], 50, constant(50_000.0));
    let plan = bench.plan(vec![gets], Nanos::ZERO, Nanos::from_secs(3));
    let over = AtomicBool::new(false);
    let result = std::thread::scope(|scope| {
        for _ in 0..COMPETITORS {
            scope.spawn(|| {
                // Not pinned, it would compete with the server too; that is no reason to fail.
                let _ = sys::pin_thread(cpu);
                while !over.load(Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let result = bench.run(&plan);
        over.store(true, Relaxed);
        result
    })?;
    let kept = keep(&plan, &result, Context::default(), Vec::new());
    let ids: Vec<&str> = kept.record.caveats.iter().map(|caveat| caveat.id.as_str()).collect();
    let limited = ids.contains(&"client-limited") && kept.record.is_invalid();
    let shown = if ids.is_empty() { "no caveat".to_owned() } else { ids.join(", ") };
    Ok(vec![Row::said("A18", WHAT, "client-limited", shown, limited)])
}

/// A21.
pub(super) fn interrupted(bench: &mut Bench<'_>) -> Result<Vec<Row>, Failure> {
    let server = bench.server(&[])?;
    let dir = std::env::temp_dir().join(format!("aelab-selftest-{}", std::process::id()));
    let mut readable = 0;
    let mut wrong = None;
    for number in 0..INTERRUPTIONS {
        // Spread over start, warm-up, measurement and end without a pattern that fits the run's own.
        let after = Duration::from_millis(30 + u64::from(number) * 131 % 700);
        match interrupt_one(&server, &dir.join(number.to_string()), after) {
            Ok(()) => readable += 1,
            Err(why) => wrong = wrong.or(Some(why)),
        }
        if bench.is_cancelled() {
            break;
        }
    }
    // Folders that stay are an annoyance, not a failure.
    let _ = std::fs::remove_dir_all(&dir);
    let all = u64::from(INTERRUPTIONS);
    let mut row = Row::exactly("A21", "interrupted runs whose folder reads back", readable, all);
    if let Some(why) = wrong {
        row.measured = format!("{} ({why})", row.measured);
    }
    Ok(vec![row])
}

/// Starts a run of this program, interrupts it, and reads what it left.
fn interrupt_one(server: &ServerProcess, dir: &Path, after: Duration) -> Result<(), String> {
    let Endpoint::Tcp(addr) = server.target.endpoint else { return Err("no port".to_owned()) };
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut child = Command::new(own)
        .args(["run", "-p", &addr.port().to_string(), "-t", "get", "-c", "5", "--rate", "2000"])
        .args(["--warmup", "100ms", "--duration", "500ms", "--out"])
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    sleep(after);
    // A run that has ended already is not interrupted; its folder must be readable all the same.
    let _ = sys::interrupt(child.id());
    child.wait().map_err(|error| error.to_string())?;
    read_back(dir, after)
}

fn read_back(dir: &Path, after: Duration) -> Result<(), String> {
    if !dir.join("result.json").exists() {
        // Interrupted before anything was measured: nothing is lost, and nothing half-written may lie there.
        let left = std::fs::read_dir(dir).map(Iterator::count).unwrap_or(0);
        return if left == 0 {
            Ok(())
        } else {
            Err(format!("{left} files without a result after {after:?}"))
        };
    }
    aelab_results::folder::read_folder(dir).map(|_| ()).map_err(|error| error.to_string())
}
