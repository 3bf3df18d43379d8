//! The command line of `ae-server`: as redis-server is started, and its version and help.

use crate::clock::Clock;
use crate::command::is_command;
use crate::config::{Config, ConfigError};
use crate::inject;
use crate::run::{Instance, Quiet};
use crate::version::REDIS_VERSION;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

/// Exit code for wrong arguments or configuration.
const BAD_USAGE: u8 = 2;

const HELP: &str = "\
Usage: ae-server [/path/to/redis.conf] [--directive value ...]
       ae-server - (read the configuration from standard input)
       ae-server -v or --version
       ae-server -h or --help

Examples:
       ae-server                           (port 6379, every default of Redis 7.0)
       ae-server --port 7777 --maxclients 20000
       ae-server --port 0 --unixsocket /tmp/ae.sock
       ae-server redis.conf --loglevel verbose
       echo 'maxmemory 128mb' | ae-server -

Directives are those of redis.conf; CONFIG GET * lists them with their values. Directives of this
server only:
       --io-model ae|blocking|thread-per-connection|busy-poll
                                           how the server waits for clients
                                           ae: event loop (the default)
                                           blocking: a blocking read, for one client at a time
                                           thread-per-connection: one thread per client; a lock
                                             allows one command at a time
                                           busy-poll: reads from all clients in turn, without
                                             sleeping (100 % CPU)
       --io-threads N                      write replies with N threads: the main thread and N - 1
                                           others
       --io-threads-do-reads yes           also read and parse with these threads, as in Redis 6
       --ae-backend mio|epoll|poll|select  how the event loop waits for sockets
       --select-oversize yes               lift the limit of 1024 descriptors of --ae-backend select
       --ae-batch yes                      read from all ready sockets, then execute all commands,
                                           then write all replies
       --reply-immediately yes             write each reply immediately; the default is to write all
                                           replies together, before the event loop sleeps
       --hash-seed N                       fix the seed of the hash, so that two runs walk their keys
                                           in the same order; the default (-1) takes a random seed,
                                           which clients cannot guess
       --ae-time-events no                 run without serverCron: no active expiry, no client
                                           timeouts
       --inject service=fixed:100us|exp:200us[,seed=1][,commands=get+set]
                                           give commands a known service time, to validate a load
                                           generator. fixed: always this time. exp: exponentially
                                           distributed with this mean. seed: seed of the random
                                           times. commands: only these commands; the default is
                                           all commands on keys, PING and ECHO
       --inject stall=every:10s,dur:100ms[,at:5s]
                                           stall the server again and again. every: from the
                                           start of a stall to the start of the next. dur: length
                                           of a stall. at: time until the first stall; the default
                                           is the time of every

Persistence, replication, cluster and TLS are not supported; directives that enable them are
rejected.
Exit codes: 0 ended by SHUTDOWN or a signal, 1 could not start, 2 wrong arguments or configuration.
";

impl Config {
    /// The configuration that `args` (without the program's name) ask for.
    ///
    /// # Errors
    /// Names the file and line or the argument, and says what is expected.
    pub fn from_args(args: &[String]) -> Result<Config, ConfigError> {
        Config::read(args, is_command)
    }
}

/// The service times that a server with this plan (`service=…`) gives to commands, in the order in
/// which it executes them. A program can compare them with what it has measured.
///
/// # Errors
/// The plan has no service time, or cannot be read.
pub fn service_times(text: &str) -> Result<impl Iterator<Item = Duration> + use<>, String> {
    inject::service_times(text, is_command)
}

/// Runs a server as the arguments ask (without the program's name) until it is shut down.
///
/// This is all of `ae-server`, and of `loadgen serve`.
#[must_use]
pub fn main_with_args(args: &[String]) -> ExitCode {
    match args.first().map(String::as_str) {
        Some("-v" | "--version") => {
            let commit = option_env!("AELAB_COMMIT");
            print(&format!(
                "Redis server v={REDIS_VERSION} sha={}:0 malloc=libc bits={} build=aelab-{}{}\n",
                commit.and_then(|commit| commit.get(..8)).unwrap_or("00000000"),
                usize::BITS,
                env!("CARGO_PKG_VERSION"),
                commit.map(|commit| format!("-{commit}")).unwrap_or_default()
            ));
            return ExitCode::SUCCESS;
        }
        Some("-h" | "--help") => {
            print(HELP);
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let config = match Config::from_args(args) {
        Ok(config) => config,
        Err(error) => {
            print_error(&error.to_string());
            return ExitCode::from(BAD_USAGE);
        }
    };
    match serve(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&error);
            ExitCode::FAILURE
        }
    }
}

fn serve(config: Config) -> Result<(), String> {
    crate::sys::merge_freed_memory_at_once();
    let dir = config.text("dir");
    if dir != "." && !dir.is_empty() {
        std::env::set_current_dir(dir)
            .map_err(|e| format!("Can't chdir to '{dir}': {e}; choose another --dir"))?;
    }
    let pidfile = config.text("pidfile").to_owned();
    let mut instance = Instance::start(config, Clock::system(), Quiet::No)?;
    instance.handle_signals().map_err(|e| format!("signal handlers cannot be installed: {e}"))?;
    if !pidfile.is_empty() {
        // As in Redis, the server runs even if its pid file cannot be written.
        let _ = std::fs::write(&pidfile, format!("{}\n", std::process::id()));
    }
    instance.announce();
    let outcome = instance.run().map_err(|e| format!("the event loop failed: {e}"));
    if !pidfile.is_empty() {
        let _ = std::fs::remove_file(&pidfile);
    }
    outcome
}

fn print(text: &str) {
    // A closed pipe (`ae-server --help | head -1`) must not panic.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn print_error(problem: &str) {
    let _ = writeln!(std::io::stderr(), "ae-server: {problem}");
}
