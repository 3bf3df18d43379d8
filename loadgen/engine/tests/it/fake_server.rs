//! Small servers on real sockets whose replies a test chooses, and plans for them.
#![allow(dead_code, reason = "each of the two test programs uses a part")]

use aelab_engine::clock::Nanos;
use aelab_engine::plan::{
    CommandPlan, Endpoint, GroupPlan, KeySpace, Phases, RunPlan, Target, ValueSize, Workload,
};
use aelab_resp::{Parsed, RequestLimits, RequestParser};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

/// What the server does about one request.
pub(crate) enum Action {
    Reply(Vec<u8>),
    Close,
    ReplyAndClose(Vec<u8>),
}

/// The number of a request that belongs to the handshake.
pub(crate) const HANDSHAKE: usize = usize::MAX;

/// Given the number of the connection, the number of the request on it (both from 0), and its arguments.
pub(crate) type Behaviour = dyn Fn(usize, usize, &[&[u8]]) -> Action + Send + Sync;

/// Serves until the test process ends; returns where.
pub(crate) fn serve(
    behaviour: impl Fn(usize, usize, &[&[u8]]) -> Action + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("bound");
    let behaviour: Arc<Behaviour> = Arc::new(behaviour);
    thread::spawn(move || {
        for (index, stream) in listener.incoming().enumerate() {
            let behaviour = Arc::clone(&behaviour);
            thread::spawn(move || stream.map(|stream| serve_one(stream, index, &*behaviour)));
        }
    });
    addr
}

pub(crate) fn serve_one(mut stream: impl Read + Write, index: usize, behaviour: &Behaviour) {
    let (mut buffer, mut args) = (Vec::new(), Vec::new());
    let mut parser = RequestParser::default();
    let mut chunk = vec![0; 64 * 1024];
    // None until the PING that ends the handshake.
    let mut requests = None;
    while let Ok(len) = stream.read(&mut chunk) {
        if len == 0 {
            return;
        }
        buffer.extend_from_slice(&chunk[..len]);
        let limits = RequestLimits::default();
        while let Ok(Parsed::Command { consumed }) = parser.parse(&mut buffer, &limits, &mut args) {
            let words: Vec<&[u8]> =
                args.iter().map(|arg| &buffer[arg.start as usize..arg.end as usize]).collect();
            let request = requests.map_or(HANDSHAKE, |count: usize| count);
            requests = match requests {
                None if words == [b"PING"] => Some(0),
                None => None,
                Some(count) => Some(count + 1),
            };
            let action = behaviour(index, request, &words);
            let written = match &action {
                Action::Reply(bytes) | Action::ReplyAndClose(bytes) => stream.write_all(bytes),
                Action::Close => return,
            };
            if written.is_err() || matches!(action, Action::ReplyAndClose(_)) {
                return;
            }
            buffer.drain(..consumed);
        }
    }
}

pub(crate) fn ok() -> Action {
    Action::Reply(b"+OK\r\n".to_vec())
}

pub(crate) fn group(endpoint: Endpoint, connections: usize, requests: u64) -> GroupPlan {
    let workload = Workload {
        commands: vec![CommandPlan::new(&["SET", "__key__", "__data__"])],
        keys: KeySpace::uniform(1_000),
        values: ValueSize::Fixed(32),
        compressible: 0.0,
        order: aelab_engine::plan::CommandOrder::Random,
    };
    GroupPlan {
        requests: Some(requests),
        ..GroupPlan::new("load", Target::plain(endpoint), connections, workload)
    }
}

pub(crate) fn plan(group: GroupPlan) -> RunPlan {
    RunPlan::new(
        vec![group],
        Phases {
            warmup: Nanos::ZERO,
            measure: Some(Nanos::from_secs(60)),
            drain_max: Nanos::from_secs(5),
        },
    )
}
