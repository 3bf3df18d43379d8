//! The limit on open descriptors: raised to what `maxclients` needs, as far as the system allows.

use crate::server::Server;
use crate::sys;
use std::io;

/// Descriptors that the server needs for itself (`CONFIG_MIN_RESERVED_FDS`).
pub(crate) const RESERVED: usize = 32;

/// Raises the limit to `wanted`, or as far as the system allows. Returns the new limit, and the error
/// of the last attempt that failed.
fn raise(wanted: u64) -> (u64, Option<io::Error>) {
    let mut best = sys::nofile_limit();
    let (mut refused, mut reason) = (wanted.saturating_add(1), None);
    let mut next = wanted;
    // Bisection instead of Redis's steps of 16, which take minutes from four billion on.
    while best < next {
        match sys::set_nofile_limit(next) {
            Ok(()) => best = next,
            Err(error) => (refused, reason) = (next, Some(error)),
        }
        next = best + (refused - best) / 2;
    }
    (best, reason)
}

/// Makes room for `maxclients` more than there is now (`CONFIG SET`).
///
/// # Errors
/// With the number of clients there is room for.
pub(crate) fn make_room(maxclients: usize) -> Result<(), usize> {
    let wanted = (maxclients + RESERVED) as u64;
    match raise(wanted) {
        (best, _) if best >= wanted => Ok(()),
        (best, _) => Err((best as usize).saturating_sub(RESERVED)),
    }
}

/// Makes room for `maxclients` descriptors at start, or lowers `maxclients` to what there is room
/// for, and logs that.
///
/// # Errors
/// If there is no room for a single client.
pub(crate) fn adjust(server: &mut Server) -> Result<(), String> {
    let maxclients = server.config.settings().clients.maxclients as u64;
    let wanted = maxclients + RESERVED as u64;
    let before = sys::nofile_limit();
    if before >= wanted {
        return Ok(());
    }
    let (best, reason) = raise(wanted);
    if best >= wanted {
        server.log.notice(format!(
            "Increased maximum number of open files to {wanted} (it was originally set to {before})."
        ));
        return Ok(());
    }
    if best <= RESERVED as u64 {
        return Err(format!(
            "Your current 'ulimit -n' of {before} is not enough for the server to start. Please \
             increase your open file limit to at least {wanted}. Exiting."
        ));
    }
    let lowered = best - RESERVED as u64;
    server.config.lower_maxclients(lowered as usize);
    let reason = reason.map_or_else(String::new, |error| error.to_string());
    let log = &mut server.log;
    log.warning(format!(
        "You requested maxclients of {maxclients} requiring at least {wanted} max file descriptors."
    ));
    log.warning(format!(
        "Server can't set maximum open files to {wanted} because of OS error: {reason}."
    ));
    log.warning(format!(
        "Current maximum open files is {best}. maxclients has been reduced to {lowered} to \
         compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'."
    ));
    Ok(())
}
