//! Signals that must not end the server: losing a terminal loses no data.

use super::process::{Process, SERVED_BY};

#[test]
fn the_loss_of_the_terminal_is_ignored() {
    for flags in SERVED_BY {
        let mut server = Process::start(flags);
        let mut client = server.connect();
        assert_eq!(client.ask(&[b"SET", b"k", b"v"]), "+OK", "{flags:?}");
        for name in ["HUP", "PIPE", "HUP"] {
            server.signal(name);
            assert_eq!(client.ask(&[b"GET", b"k"]), "v", "{flags:?}: after SIG{name}");
        }
        assert!(server.ended().is_none(), "{flags:?}");
        server.signal("TERM");
        assert_eq!(client.rest(), "", "{flags:?}");
        assert_eq!(server.exit_code(), Some(0), "{flags:?}");
    }
}
