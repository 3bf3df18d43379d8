//! Servers as processes: started on their cores, stopped while another one is measured, ended.

use crate::Failure;
use crate::arms::Arm;
use crate::client::Connection;
use crate::options::Options;
use crate::sys::{self, Run};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How often a server that was just started is asked whether it listens, and the pause between.
const TRIES: usize = 200;
const PAUSE: Duration = Duration::from_millis(25);

/// A server that runs until it is dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) port: u16,
}

impl Process {
    /// Starts `arm` on the servers' cores, with further arguments, and waits until it replies.
    pub(crate) fn start(
        arm: &Arm,
        options: &Options,
        further: &[&str],
    ) -> Result<Process, Failure> {
        let port = free_port()?;
        let mut command = Command::new("taskset");
        command.args(["-c", &options.server_cpus]);
        match arm.args {
            None => command.args(["redis-server", "--save", "", "--appendonly", "no"]),
            Some(args) => command.arg(env!("CARGO_BIN_EXE_ae-server")).args(args),
        };
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1"]).args(further);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|e| {
            format!("{} cannot be started with taskset: {e}; install util-linux", arm.name)
        })?;
        let mut process = Process { child, port };
        for _ in 0..TRIES {
            if Connection::open(port).is_ok_and(|mut c| c.ask("PING").is_ok()) {
                return Ok(process);
            }
            if process.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        Err(format!("{} did not start listening on port {port}; is it installed?", arm.name))
    }

    /// Its process, for figures about it.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops it: it uses no CPU until [`Process::resume`].
    pub(crate) fn halt(&self) {
        sys::set_running(self.pid(), Run::Stop);
    }

    pub(crate) fn resume(&self) {
        sys::set_running(self.pid(), Run::Continue);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> Result<u16, Failure> {
    let socket = std::net::TcpListener::bind("127.0.0.1:0");
    let addr = socket.and_then(|socket| socket.local_addr());
    addr.map(|addr| addr.port()).map_err(|e| format!("no free TCP port: {e}"))
}
