//! A peer that answers and remembers what it was asked: on which connection, in which order, when.

use aelab_engine::clock::{self, Nanos};
use aelab_resp::value::decode;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One command as it came.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// Number of the connection, in the order of their acceptance.
    pub(crate) connection: usize,
    /// Since the listener began.
    pub(crate) at: Duration,
    /// Commands that came in the same read, this one included.
    pub(crate) together: usize,
    /// Name and arguments.
    pub(crate) args: Vec<String>,
}

impl Heard {
    /// The name, in capitals.
    pub(crate) fn name(&self) -> String {
        self.args[0].to_ascii_uppercase()
    }
}

/// What the peer does with commands.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Manner {
    /// It answers so much later.
    pub(crate) delay: Duration,
    /// Each connection with an odd number so much later still.
    pub(crate) uneven: Duration,
    /// It closes a connection that has asked so often, without an answer to the last; never if zero.
    pub(crate) hang_up_after: usize,
}

/// The peer.
pub(crate) struct Listener {
    pub(crate) port: u16,
    heard: Arc<Mutex<Vec<Heard>>>,
}

/// What tools ask about rather than load with.
const ABOUT: [&str; 13] = [
    "INFO", "PING", "CONFIG", "COMMAND", "HELLO", "CLIENT", "AUTH", "SELECT", "SLOWLOG", "MEMORY",
    "AE", "CLUSTER", "LATENCY",
];

impl Listener {
    pub(crate) fn start(manner: Manner) -> Self {
        let socket = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = socket.local_addr().expect("an address").port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&heard);
        let begin = clock::now();
        std::thread::spawn(move || {
            for (connection, stream) in socket.incoming().flatten().enumerate() {
                let all = Arc::clone(&all);
                std::thread::spawn(move || serve(stream, connection, begin, manner, &all));
            }
        });
        Self { port, heard }
    }

    /// Everything heard so far.
    pub(crate) fn all(&self) -> Vec<Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was heard of the load itself, without greetings and questions about the server.
    pub(crate) fn load(&self) -> Vec<Heard> {
        self.all().into_iter().filter(|one| !ABOUT.contains(&one.name().as_str())).collect()
    }
}

fn serve(
    mut stream: TcpStream,
    connection: usize,
    begin: Nanos,
    manner: Manner,
    all: &Mutex<Vec<Heard>>,
) {
    let mut buffer = Vec::new();
    let mut chunk = [0; 65_536];
    let mut served = 0;
    loop {
        let Ok(count @ 1..) = stream.read(&mut chunk) else { return };
        let at = Duration::from(clock::now().since(begin));
        buffer.extend_from_slice(&chunk[..count]);
        let mut commands = Vec::new();
        while let Ok(Some((value, used))) = decode(&buffer) {
            buffer.drain(..used);
            let args = value.as_slice().unwrap_or_default().iter().map(|arg| {
                String::from_utf8_lossy(arg.as_bytes().unwrap_or_default()).into_owned()
            });
            commands.push(args.collect::<Vec<_>>());
        }
        let together = commands.len();
        served += together;
        let mut out = Vec::new();
        for args in commands {
            out.extend(answer(&args));
            let one = Heard { connection, at, together, args };
            all.lock().unwrap_or_else(PoisonError::into_inner).push(one);
        }
        if manner.hang_up_after > 0 && served >= manner.hang_up_after {
            return;
        }
        let more = if connection % 2 == 1 { manner.uneven } else { Duration::ZERO };
        std::thread::sleep(manner.delay + more);
        if stream.write_all(&out).is_err() {
            return;
        }
    }
}

/// A reply of the right type for what the load generator counts or follows.
fn answer(args: &[String]) -> Vec<u8> {
    let reply: &[u8] = match args[0].to_ascii_uppercase().as_str() {
        "PING" => b"+PONG\r\n",
        "INFO" => b"$22\r\nredis_version:7.0.15\r\n\r\n",
        "HELLO" => b"%1\r\n$5\r\nproto\r\n:3\r\n",
        "GET" => b"$1\r\nx\r\n",
        "INCR" | "LPUSH" | "RPUSH" | "SADD" | "ZADD" | "HSET" | "DEL" | "DBSIZE" => b":1\r\n",
        "SCAN" if args[1] == "0" => b"*2\r\n$1\r\n7\r\n*0\r\n",
        "SCAN" => b"*2\r\n$1\r\n0\r\n*0\r\n",
        // Of a hash without end.
        "HSCAN" => b"*2\r\n$1\r\n7\r\n*0\r\n",
        _ => b"+OK\r\n",
    };
    reply.to_vec()
}
