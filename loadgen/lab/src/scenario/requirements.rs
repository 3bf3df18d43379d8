//! Which arms can run against a server: any on one that the lab starts, not all on one that is running already.
//!
//! Invariant: an arm is left out only with a reason for the user.

use crate::arm::Place;
use crate::arm::run_plan::wants_unix_socket;
use crate::control::Control;
use crate::server::ServerKind;
use crate::server::info::Info;
use crate::server::local::{is_local, unix_socket};
use aelab_engine::error::Failure;
use aelab_engine::plan::Endpoint;
use aelab_scenarios::model::{Arm, Need};
use aelab_scenarios::procedure::ProcedureKind;

/// The kind of server that arms run against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    /// The bundled one, started for each arm.
    Bundled,
    /// Another one, started for each arm.
    Other,
    /// One that is running already.
    Running(Running),
}

/// The properties of a running server that the lab cannot change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Running {
    /// It is the bundled one.
    bundled: bool,
    /// Where it runs.
    reach: Reach,
    /// Connections use TLS.
    tls: bool,
    /// The database that is used.
    db: u32,
}

/// Where a running server is, and how it can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// On another machine: its process cannot be observed.
    Remote,
    /// On this machine, without a Unix socket.
    Local,
    /// On this machine, with a Unix socket.
    LocalWithUnixSocket,
}

/// Finds out the kind of server that arms will run against.
///
/// # Errors
/// The running server cannot be reached (exit 6).
pub(crate) fn nature(place: &Place) -> Result<Nature, Failure> {
    Ok(match place {
        Place::Fresh(ServerKind::Bundled) => Nature::Bundled,
        Place::Fresh(ServerKind::Binary(_)) => Nature::Other,
        Place::Running(target) => {
            let mut control = Control::open(target)?;
            Nature::Running(Running {
                bundled: Info::parse(&control.info()?).is_bundled(),
                reach: match unix_socket(target, &mut control) {
                    _ if !is_local(target) => Reach::Remote,
                    Some(_) => Reach::LocalWithUnixSocket,
                    None => Reach::Local,
                },
                tls: matches!(target.endpoint, Endpoint::Tls(_)),
                db: target.db,
            })
        }
    })
}

/// Why an arm cannot run against this server.
pub(crate) fn unmet(arm: &Arm, nature: Nature) -> Option<&'static str> {
    let bundled = match nature {
        Nature::Bundled => arm.server_bin.is_none(),
        Nature::Other => false,
        Nature::Running(running) => running.bundled,
    };
    if arm.needs.contains(&Need::Bundled) && !bundled {
        return Some("it needs the bundled server");
    }
    let Nature::Running(running) = nature else { return None };
    let procedure = |kinds: &[ProcedureKind]| {
        arm.procedure.as_ref().is_some_and(|procedure| kinds.contains(&procedure.kind))
    };
    let reasons = [
        (
            arm.server_bin.is_some(),
            "it names its own server program, and the target is running already",
        ),
        (
            !arm.server.is_empty() || !arm.server_args.is_empty() || arm.nofile.is_some(),
            "it needs its own server settings, and the target is running already",
        ),
        (
            arm.needs.contains(&Need::Fresh),
            "it needs a server of its own, and the target is running already",
        ),
        (
            running.reach != Reach::LocalWithUnixSocket
                && (wants_unix_socket(arm) || procedure(&[ProcedureKind::TcpVsUnix])),
            "it needs a Unix socket, and the target has none on this machine",
        ),
        (
            running.reach == Reach::Remote
                && procedure(&[ProcedureKind::ConnectionCost, ProcedureKind::WakeupCost]),
            "it observes the server's process, and the target is on another machine",
        ),
        (
            running.tls && (arm.link.is_some() || arm.procedure.is_some()),
            "it needs unencrypted bytes, and the target uses TLS",
        ),
        (
            running.db != 0 && arm.link.is_some_and(|link| link.share.is_some()),
            "its proxy shares database 0, and the target names another",
        ),
    ];
    reasons.into_iter().find(|(applies, _)| *applies).map(|(_, why)| why)
}
