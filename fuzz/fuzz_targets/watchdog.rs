//! Ends scripts that run too long, as a client would: the clock goes on, then `SCRIPT KILL`, then
//! `SHUTDOWN NOSAVE`. A turn that goes on after that is a finding: libFuzzer's `-timeout` reports it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// A turn of the loop that takes longer has a script in it.
const LONG: Duration = Duration::from_millis(400);
/// A script that has written can be ended only together with the server.
const TOO_LONG: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// More than `busy-reply-threshold`.
const STEP_NS: u64 = 10_000_000_000;

struct Turn {
    began: Instant,
    time: Arc<AtomicU64>,
    path: PathBuf,
}

fn running() -> &'static Mutex<Option<Turn>> {
    static RUNNING: Mutex<Option<Turn>> = Mutex::new(None);
    static THREAD: OnceLock<()> = OnceLock::new();
    THREAD.get_or_init(|| {
        std::thread::spawn(|| {
            loop {
                std::thread::sleep(LOOK_EVERY);
                let turn = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(turn) = turn.as_ref().filter(|turn| turn.began.elapsed() > LONG) else {
                    continue;
                };
                turn.time.fetch_add(STEP_NS, Ordering::Relaxed);
                let words: [&[u8]; 2] = match turn.began.elapsed() > TOO_LONG {
                    true => [b"SHUTDOWN", b"NOSAVE"],
                    false => [b"SCRIPT", b"KILL"],
                };
                ask(&turn.path, &words);
            }
        });
    });
    &RUNNING
}

/// Sends a command and gives the server a moment to answer.
fn ask(path: &Path, words: &[&[u8]]) {
    let Ok(mut stream) = UnixStream::connect(path) else { return };
    let mut command = Vec::new();
    aelab_resp::encode::command(&mut command, words);
    let _ = stream.set_read_timeout(Some(LOOK_EVERY));
    let _ = stream.write_all(&command);
    let _ = stream.read(&mut [0; 1024]);
}

/// Runs one turn of the loop of the server whose socket is at `path`.
pub fn during<R>(path: &Path, time: &Arc<AtomicU64>, turn: impl FnOnce() -> R) -> R {
    let set = |turn| *running().lock().unwrap_or_else(PoisonError::into_inner) = turn;
    set(Some(Turn { began: Instant::now(), time: Arc::clone(time), path: path.to_owned() }));
    let result = turn();
    set(None);
    result
}
