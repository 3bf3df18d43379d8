//! Questions to a cluster: which node serves which slot, which arguments of a command are keys, and changes during a run.
//!
//! Not the routing, which the engine does. Uses control connections only, never measured traffic.
//! Invariant: a layout names primaries only, each once.

use crate::control::Control;
use aelab_engine::error::Failure;
use aelab_engine::plan::cluster_slots::{Layout, NOWHERE, Node, SLOTS};
use aelab_engine::plan::{CommandPlan, Endpoint, Target};
use aelab_engine::{Lookup, Topology};
use aelab_resp::value::Value;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::park_timeout;
use std::time::Duration;

/// Interval at which a request of the engine for a newer layout is checked: well below the time of a failover.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Publishes a newer layout whenever the engine wants one, until `over`. Unpark its thread to end it at once.
pub fn watch(target: &Target, topology: &Topology, over: &AtomicBool) {
    while !over.load(Relaxed) {
        park_timeout(LOOK_EVERY);
        let is_wanted = topology.take_wanted();
        let mut names = topology.unknown_names();
        names.retain(|(_, found)| is_wanted || *found == Lookup::Wanted);
        for (name, _) in names {
            let found = name.to_socket_addrs().ok().and_then(|mut addrs| addrs.next());
            topology.publish_name(&name, found.map_or(Lookup::Failed, Lookup::Found));
        }
        if !is_wanted {
            continue;
        }
        let found = target.each().find_map(|node| {
            let mut control = Control::open(&node).ok()?;
            ask(&mut control, &node.endpoint).ok()
        });
        if let Some(layout) = found {
            topology.publish(layout);
        }
    }
}

/// Checks that the cluster of a node serves all slots, by CLUSTER INFO and CLUSTER SLOTS: a cluster that need not be whole calls
/// itself ok without some. A server that is no node, or does not tell, passes: [`ask`] says what is wrong with it.
///
/// # Errors
/// It does not yet (exit 6, `cluster-down`).
pub fn is_complete(control: &mut Control, asked: &Endpoint) -> Result<(), Failure> {
    let reply = control.command(&[b"CLUSTER", b"INFO"])?;
    let is_down = reply.as_str().is_some_and(|text| text.contains("cluster_state:fail"));
    let reply = control.command(&[b"CLUSTER", b"SLOTS"])?;
    let ranges =
        reply.as_slice().map(|ranges| ranges.iter().filter_map(|one| range_of(one, asked)));
    let served = ranges.map(|ranges| {
        let mut served = vec![false; SLOTS];
        ranges.for_each(|(from, to, ..)| served[from..=to].fill(true));
        served.iter().filter(|is_served| **is_served).count()
    });
    let what = match served {
        Some(served) if served < SLOTS => format!("{served} of {SLOTS} slots are served"),
        _ if is_down => "its nodes do not agree that all slots are served".to_owned(),
        _ => return Ok(()),
    };
    Err(Failure::unreachable(format!(
        "the cluster of {asked} is not complete: {what}; wait for it with --wait-ready 30s, or check it with redis-cli --cluster \
         check {asked}"
    ))
    .with_id("cluster-down"))
}

/// The primaries and their slots, by CLUSTER SLOTS.
///
/// # Errors
/// The server is no node of a cluster, refuses the command, or gives a layout that cannot be used (exit 6).
pub fn ask(control: &mut Control, asked: &Endpoint) -> Result<Layout, Failure> {
    let reply = control.command(&[b"CLUSTER", b"SLOTS"])?;
    if let Value::Error(text) = &reply {
        let text = String::from_utf8_lossy(text);
        return Err(Failure::unreachable(match text.starts_with("NOPERM") {
            true => format!(
                "{asked} does not tell this user the layout of its cluster: {text}; allow it \
                 (ACL SETUSER NAME +cluster|slots +command|getkeys), or log in as another (--user)"
            ),
            false => format!("{asked} is no node of a cluster: {text}; leave out --cluster"),
        }));
    }
    let mut layout = Layout { nodes: Vec::new(), slots: Arc::new([]) };
    let mut slots = vec![NOWHERE; SLOTS];
    for range in reply.as_slice().unwrap_or_default() {
        let Some((from, to, name, addr)) = range_of(range, asked) else {
            return Err(Failure::unreachable(format!(
                "{asked} answered CLUSTER SLOTS with an entry that cannot be used ({range:?}); check with redis-cli \
                 CLUSTER SLOTS that every node has an address"
            )));
        };
        let known = layout.nodes.iter().position(|node| node.name == name);
        let node = known.map_or_else(
            || {
                let host = name.rsplit_once(':').map_or(&*name, |(host, _)| host);
                let endpoint = asked.sibling(host, addr)?;
                layout.nodes.push(Node { name: name.clone(), endpoint });
                Some(layout.nodes.len() - 1)
            },
            Some,
        );
        let Some(node) = node else {
            return Err(Failure::usage("a cluster is reached by host and port, not by a socket"));
        };
        slots[from..=to].fill(node as u16);
    }
    if layout.nodes.is_empty() {
        return Err(Failure::unreachable(format!(
            "no slot of the cluster at {asked} is assigned; create it first (redis-cli --cluster create)"
        )));
    }
    layout.slots = slots.into();
    Ok(layout)
}

/// One entry of CLUSTER SLOTS: the bounds, and the primary's name and address.
fn range_of(entry: &Value, asked: &Endpoint) -> Option<(usize, usize, String, SocketAddr)> {
    let [from, to, primary, ..] = entry.as_slice()? else { return None };
    let (from, to) = (usize::try_from(from.as_i64()?).ok()?, usize::try_from(to.as_i64()?).ok()?);
    let [host, port, ..] = primary.as_slice()? else { return None };
    let port = u16::try_from(port.as_i64()?).ok()?;
    // An empty host means the address that was asked.
    let here = asked.addr()?.ip().to_string();
    let host = host.as_str().filter(|host| !host.is_empty()).unwrap_or(&here);
    let addr = (host, port).to_socket_addrs().ok()?.next()?;
    (from <= to && to < SLOTS).then(|| (from, to, format!("{host}:{port}"), addr))
}

/// The positions of the arguments that are keys, by COMMAND GETKEYS.
///
/// # Errors
/// The server refuses to tell (exit 6), or does not know the command (exit 2).
pub fn key_positions(control: &mut Control, command: &CommandPlan) -> Result<Vec<usize>, Failure> {
    // Each variable argument is replaced by a unique word, so that the reply shows which arguments are keys.
    let stand_in = |(index, arg): (usize, &Vec<u8>)| {
        let is_number = arg.iter().all(u8::is_ascii_digit);
        if index == 0 || is_number || !is_variable(arg) {
            arg.clone()
        } else {
            format!("aelab-argument-{index}").into_bytes()
        }
    };
    if command.args.len() < 2 {
        return Ok(Vec::new());
    }
    let words: Vec<Vec<u8>> = command.args.iter().enumerate().map(stand_in).collect();
    let mut request: Vec<&[u8]> = vec![b"COMMAND", b"GETKEYS"];
    request.extend(words.iter().map(Vec::as_slice));
    let reply = control.command(&request)?;
    if let Value::Error(text) = &reply {
        let text = String::from_utf8_lossy(text);
        if text.contains("no key arguments") {
            return Ok(Vec::new());
        }
        if text.starts_with("NOPERM") {
            return Err(Failure::unreachable(format!(
                "{}: the server does not tell this user which words are keys ({text}); allow it \
                 (ACL SETUSER NAME +command|getkeys), or log in as another (--user)",
                command.label
            )));
        }
        return Err(Failure::usage(format!(
            "{}: the server cannot say which words are keys ({text}); check the command",
            command.label
        )));
    }
    let mut keys = Vec::new();
    for key in reply.as_slice().unwrap_or_default() {
        let is_new = |index: &usize| !keys.contains(index);
        let found = (1..words.len())
            .filter(is_new)
            .find(|index| key.as_bytes() == Some(words[*index].as_slice()));
        keys.extend(found);
    }
    Ok(keys)
}

/// Whether an argument may hold a placeholder.
fn is_variable(arg: &[u8]) -> bool {
    arg.contains(&b'{') || arg.windows(2).any(|pair| pair == b"__")
}
