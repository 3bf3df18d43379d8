//! A script that runs too long: other clients get a BUSY reply and may end the script.
//!
//! Redis runs its loop inside the script. Here the loop is not entered again; `net::while_blocked`
//! serves the sockets instead, with the same result: connections are accepted, commands get a BUSY reply
//! unless they may run now, and replies are sent at once. A signal that ends the process also ends the
//! script, in every I/O model.
//! Invariant: the client whose script runs is neither read nor written during that time, and no client
//! is freed that the loop knows.

use crate::clock::Nanos;
use crate::lua::Progress;
use crate::server::{Server, Shutdown};
use crate::sys;
use std::os::fd::AsFd;

/// Other clients are served this often: often enough for people, and a small share of the script's time
/// even with ten thousand connections.
const TURN_EVERY: Nanos = Nanos::from_ms(2);

/// A signal is looked for this often in a script that does not run too long yet.
const SIGNALS_EVERY: Nanos = Nanos::from_ms(50);

/// Called regularly while a script runs. Serves other clients if it takes too long, and returns whether
/// it may continue.
pub(super) fn look(server: &mut Server) -> Progress {
    let (now, threshold_ms) =
        (server.clock.now(), server.config.settings().script.busy_threshold_ms);
    let Some(running) = &mut server.scripting.running else { return Progress::Killed };
    let took = now - running.started;
    match running.progress {
        Progress::Killed => return Progress::Killed,
        Progress::InTime if threshold_ms == 0 || took.as_ms() < threshold_ms => {
            // A signal ends the script also if no client would ever get a BUSY reply.
            if now - running.served < SIGNALS_EVERY {
                return Progress::InTime;
            }
            running.served = now;
            return ended_by_signal(server).unwrap_or(Progress::InTime);
        }
        Progress::InTime => {
            running.progress = Progress::Busy;
            server.log.warning(format!(
                "Slow script detected: still in execution after {} milliseconds. You can try \
                 killing the script using the SCRIPT KILL command.",
                took.as_ms()
            ));
        }
        Progress::Busy if now - running.served < TURN_EVERY => return Progress::Busy,
        Progress::Busy => {}
    }
    if let Some(progress) = ended_by_signal(server) {
        return progress;
    }
    serve_others(server, now);
    server.scripting.running.as_ref().map_or(Progress::Killed, |running| running.progress)
}

/// Ends the script if a signal to end the process has arrived.
fn ended_by_signal(server: &mut Server) -> Option<Progress> {
    if !is_signalled(server) {
        return None;
    }
    server.log.warning("Received a signal while a script runs: ending the script.");
    if let Some(running) = &mut server.scripting.running {
        running.progress = Progress::Killed;
    }
    Some(Progress::Killed)
}

/// Whether a signal to end the process has arrived. The loop reads it later.
fn is_signalled(server: &Server) -> bool {
    let pipe = server.net.signals.iter().map(AsFd::as_fd);
    sys::readable(pipe).contains(&true)
}

fn serve_others(server: &mut Server, now: Nanos) {
    // In the other models this thread must not read other clients' sockets: they wait.
    if !server.config.settings().io.io_model.loop_serves() {
        return;
    }
    let Some(running) = &server.scripting.running else { return };
    let (client, started) = (running.client, running.started);
    server.synchronise_time(now);
    (server.net.serve_others)(server, client, now);
    // The script keeps the time of its start.
    server.set_time(started);
    let ending = server.shutdown == Shutdown::Requested;
    let served = server.clock.now();
    if let Some(running) = &mut server.scripting.running {
        running.served = served;
        if ending {
            running.progress = Progress::Killed;
        }
    }
}
