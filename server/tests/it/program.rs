//! `ae-server` as a program: starting, output, ending.

use crate::harness::{free_port, fresh_path, refusal};
use aelab_server::Config;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::Receiver;

fn ae_server(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ae-server"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn output(args: &[&str]) -> Output {
    ae_server(args).output().expect("the program runs")
}

#[test]
fn version_and_help_look_as_redis_servers() {
    let version = String::from_utf8(output(&["--version"]).stdout).expect("UTF-8");
    assert!(version.starts_with("Redis server v=7.0.15 sha="), "{version}");
    // Eight digits, as redis-server has them: the commit's, or zeros in a build without one.
    let sha = version.split([' ', ':']).find_map(|word| word.strip_prefix("sha="));
    assert_eq!(sha.map(str::len), Some(8), "{version}");
    assert!(version.contains(":0 malloc="), "{version}");
    assert!(version.contains(" bits=64 build="), "{version}");
    let help = String::from_utf8(output(&["--help"]).stdout).expect("UTF-8");
    assert!(help.starts_with("Usage: ae-server [/path/to/redis.conf]"), "{help}");
}

#[test]
fn what_is_wrong_is_said_in_one_line_with_the_place_and_the_remedy() {
    let file = fresh_path("conf");
    let path = file.to_str().expect("UTF-8");
    std::fs::write(&file, "# fine\nport 7000\n\nmaxclint 100\n").expect("written");
    let line = format!("{path} line 4: unknown directive 'maxclint'; did you mean 'maxclients'?");
    assert_eq!(refusal(&[path]), line);
    std::fs::write(&file, "hz ten\n").expect("written");
    let line = format!("{path} line 1: 'hz ten': argument couldn't be parsed into an integer");
    assert_eq!(refusal(&[path]), line);
    std::fs::write(&file, "requirepass \"a b\n").expect("written");
    assert_eq!(refusal(&[path]), format!("{path} line 1: unbalanced quotes in this line"));
    std::fs::write(&file, "appendonly yes\ndaemonize yes\n").expect("written");
    let line = format!(
        "{path} line 2: 'daemonize yes': ae-server stays in the foreground; use a supervisor to run it in the background; only 'no' can be given \
         here: change that line, or add --daemonize no"
    );
    assert_eq!(refusal(&[path, "--appendonly", "no"]), line);
    // The last value counts, so the remedy works.
    let mended = [path, "--appendonly", "no", "--daemonize", "no"].map(str::to_owned);
    assert!(Config::from_args(&mended).is_ok());
    assert!(Config::from_args(&["--supervised", "auto"].map(str::to_owned)).is_ok());
    assert!(refusal(&["--supervised", "systemd"]).contains("Type=simple"));
    assert!(
        refusal(&["--loadmodule", "x.so"]).ends_with("ae-server cannot load modules; remove it")
    );
    assert!(refusal(&["--nonsense-of-mine", "1"]).ends_with("ae-server --help"));
    std::fs::remove_file(&file).expect("removed");
    for (args, expected) in [
        (&["--prot", "1"][..], "argument --prot: unknown directive 'prot'; did you mean 'port'?"),
        (&["--port"][..], "argument --port: 'port': wrong number of arguments"),
        (
            &["--port", "99999"][..],
            "argument --port: 'port 99999': argument must be between 0 and 65535 inclusive",
        ),
        (
            &["--appendonly", "yes"][..],
            "argument --appendonly: 'appendonly yes': ae-server keeps its data in memory only; \
             only 'no' can be given here",
        ),
        (
            &["--ae-backend", "iocp"][..],
            "argument --ae-backend: 'ae-backend iocp': argument(s) must be one of the following: \
             mio, epoll, poll, select",
        ),
        (
            &["--port", "1", "stray"][..],
            "argument --port: 'port 1 stray': wrong number of arguments",
        ),
    ] {
        assert_eq!(refusal(args), expected);
    }
    assert!(refusal(&["/no/such/file"]).contains("the configuration file cannot be read"));
}

#[test]
fn bad_usage_ends_with_code_2_and_a_taken_port_with_1() {
    let bad = output(&["--nonsense", "1"]);
    assert_eq!(bad.status.code(), Some(2));
    let said = String::from_utf8_lossy(&bad.stderr).into_owned();
    assert!(said.starts_with("ae-server: argument --nonsense: unknown directive"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let refused = output(&["--port", &port, "--bind", "127.0.0.1"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("Could not create server TCP listening socket 127.0.0.1:"), "{said}");
}

#[test]
fn a_unix_sockets_path_takes_the_place_of_a_dead_socket_only() {
    let path = fresh_path("sock");
    let name = path.to_str().expect("UTF-8");
    std::fs::write(&path, "data").expect("written");
    let refused = |why: &str| {
        let refused = output(&["--port", "0", "--unixsocket", name]);
        assert_eq!(refused.status.code(), Some(1));
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains(why) && said.lines().count() == 1, "{said}");
    };
    refused("a file of that name exists and is not a socket; choose another --unixsocket");
    assert_eq!(std::fs::read(&path).expect("still there"), b"data");
    std::fs::remove_file(&path).expect("removed");
    let living = std::os::unix::net::UnixListener::bind(&path).expect("bound");
    refused("another server listens on it; end that one or choose another --unixsocket");
    drop(living);
    // Its file still exists, and no process listens on it.
    let (mut child, ..) = ready(&["--unixsocket", name]);
    assert!(std::os::unix::net::UnixStream::connect(&path).is_ok());
    child.kill().expect("ended");
    child.wait().expect("ended");
    std::fs::remove_file(&path).expect("removed");
}

#[test]
fn the_highest_maxclients_is_cut_to_what_there_is_at_once() {
    let (mut child, port, _log) = ready(&["--maxclients", "4294967295"]);
    let mut client = patient_client(port);
    client.write_all(b"CONFIG SET maxclients 4294967295\r\n").expect("sent");
    let mut said = [0; 1];
    client.read_exact(&mut said).expect("in time");
    child.kill().expect("ended");
    child.wait().expect("ended");
}

#[test]
fn configuration_comes_from_a_file_then_the_arguments() {
    let (file, included) = (fresh_path("conf"), fresh_path("conf"));
    std::fs::write(&included, "timeout 30\nhz 20\n").expect("written");
    let text = format!(
        "include {}\nhz 50\nrequirepass \"p \\\"q\\x41\"\nsave \"\"\nclient-output-buffer-limit \
         pubsub 1mb 0 0\n",
        included.display()
    );
    std::fs::write(&file, text).expect("written");
    let args = [file.to_str().expect("UTF-8"), "--maxmemory", "10mb"].map(str::to_owned);
    let config = Config::from_args(&args).expect("good");
    let shown = format!("{config:?}");
    for part in ["\"30\"", "\"50\"", "p \\\"qA", "\"10485760\"", "pubsub 1048576 0 0"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    for path in [file, included] {
        std::fs::remove_file(path).expect("removed");
    }
}

#[test]
fn include_takes_a_pattern_of_names() {
    let folder = fresh_path("d");
    std::fs::create_dir(&folder).expect("made");
    for (name, text) in
        [("b.conf", "hz 30"), ("a.conf", "hz 20"), ("c.txt", "hz 40"), (".d.conf", "hz 50")]
    {
        std::fs::write(folder.join(name), text).expect("written");
    }
    let main = folder.join("main");
    let include = |pattern: &str| {
        std::fs::write(&main, format!("include {}/{pattern}\n", folder.display()))
            .expect("written");
        Config::from_args(&[main.to_str().expect("UTF-8").to_owned()])
    };
    assert!(include("*.conf").is_ok());
    assert!(include("none*").is_ok());
    assert!(include("../*/x").is_err());
    // Every file that matches is read.
    std::fs::write(folder.join("b.conf"), "nonsense").expect("written");
    let problem = include("*.conf").expect_err("a bad file").to_string();
    assert!(problem.contains("b.conf line 1"), "{problem}");
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn a_dump_of_another_server_is_named_at_start() {
    let folder = fresh_path("d");
    std::fs::create_dir(&folder).expect("made");
    std::fs::write(folder.join("dump.rdb"), "x").expect("written");
    let port = free_port().to_string();
    let path = folder.to_str().expect("UTF-8");
    let mut child = ae_server(&["--port", &port, "--bind", "127.0.0.1", "--dir", path])
        .spawn()
        .expect("the program runs");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut said = String::new();
    for line in lines.map_while(Result::ok) {
        said.push_str(&line);
        if line.contains("Ready to accept") {
            break;
        }
    }
    child.kill().expect("ended");
    child.wait().expect("ended");
    std::fs::remove_dir_all(&folder).expect("removed");
    assert!(said.contains("there is no persistence"), "{said}");
    assert!(said.contains("WARNING: dump.rdb in this folder is not loaded"), "{said}");
}

#[test]
fn sigterm_ends_it_gracefully_after_it_said_that_it_was_ready() {
    for model in ["ae", "blocking", "thread-per-connection", "busy-poll"] {
        sigterm_ends(model);
    }
}

fn sigterm_ends(model: &str) {
    let port = free_port();
    let args = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--io-model", model];
    let mut child = ae_server(&args).spawn().expect("the program runs");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let ready = lines.by_ref().map_while(Result::ok).find(|l| l.contains("Ready to accept"));
    let ready = ready.expect("it says that it is ready");
    assert!(ready.starts_with(&format!("{}:M ", child.id())), "{ready}");
    assert!(ready.ends_with(" * Ready to accept connections"), "{ready}");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let mut reply = [0; 7];
    stream.write_all(b"PING\r\n").expect("sent");
    stream.read_exact(&mut reply).expect("answered");
    let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(kill.expect("kill runs").success());
    assert_eq!(child.wait().expect("ends").code(), Some(0));
    let last = lines.map_while(Result::ok).last().expect("a last line");
    assert!(last.contains("bye bye"), "{last}");
    assert_eq!(stream.read(&mut reply).expect("closed"), 0);
}

/// With the first two, redis-server would never serve again; with the others, not for minutes.
#[test]
fn a_script_can_be_ended_whatever_it_does_with_errors() {
    const NESTED: &str = "local function deeper(level) return function() while true do
        if level == 0 then pcall(function() while true do end end)
        else pcall(coroutine.wrap(deeper(level - 1))) end end end end deeper(6)()";
    const SHORT: &str = "local function deeper(level) return function() for i = 1, 9000 do
        if level > 0 then coroutine.wrap(deeper(level - 1))() end end end end
        while true do deeper(5)() end";
    for script in [
        "local forever = function() while true do end end xpcall(forever, forever)",
        "loadstring('while true do pcall(function() while true do end end) end', '=sandbox')()",
        NESTED,
        SHORT,
    ] {
        killed(script);
    }
}

/// A server that is ready to accept, its port, and what it logs from then on.
fn ready(args: &[&str]) -> (std::process::Child, u16, Receiver<String>) {
    let port = free_port();
    let number = port.to_string();
    let mut all = vec!["--port", &number, "--bind", "127.0.0.1"];
    all.extend(args);
    let mut child = ae_server(&all).spawn().expect("the program runs");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    assert!(lines.by_ref().map_while(Result::ok).any(|line| line.contains("Ready to accept")));
    // Its output must not block, so that it never waits for the test.
    let (sender, log) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        lines.map_while(Result::ok).try_for_each(|line| sender.send(line).ok())
    });
    (child, port, log)
}

fn patient_client(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).expect("set");
    stream
}

fn send_script(stream: &mut TcpStream, script: &str) {
    let words: [&[u8]; 3] = [b"EVAL", script.as_bytes(), b"0"];
    stream.write_all(&crate::harness::command(&words)).expect("sent");
}

fn killed(script: &str) {
    let (mut child, port, _log) = ready(&["--busy-reply-threshold", "1"]);
    let (mut running, mut other) = (patient_client(port), patient_client(port));
    send_script(&mut running, script);
    let mut answers = BufReader::new(other.try_clone().expect("cloned")).lines();
    loop {
        other.write_all(b"SCRIPT KILL\r\n").expect("sent");
        let answer = answers.next().expect("an answer").expect("in time");
        if answer == "+OK" {
            break;
        }
        assert!(answer.starts_with("-NOTBUSY"), "{answer}");
    }
    let end = BufReader::new(running).lines().next().expect("an end").expect("in time");
    child.kill().expect("ended");
    child.wait().expect("ended");
    assert!(end.starts_with("-ERR Script killed by user"), "{script}: {end}");
}

#[test]
fn sigterm_ends_a_script_that_runs_too_long_in_each_model() {
    for model in ["ae", "blocking", "thread-per-connection", "busy-poll"] {
        let (mut child, port, log) = ready(&["--busy-reply-threshold", "1", "--io-model", model]);
        let mut running = patient_client(port);
        let script = "redis.log(redis.LOG_WARNING, 'it begins')
            while true do pcall(function() while true do end end) end";
        send_script(&mut running, script);
        assert!(log.iter().any(|line| line.ends_with("it begins")), "{model}");
        let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
        let mut said = String::new();
        running.read_to_string(&mut said).expect("in time");
        assert!(said.starts_with("-ERR Script killed"), "{model}: {said}");
        assert_eq!(child.wait().expect("ends").code(), Some(0), "{model}");
    }
}

#[test]
fn what_would_exhaust_stack_or_memory_is_an_error_of_the_script() {
    for model in ["ae", "thread-per-connection"] {
        let (mut child, port, _log) = ready(&["--lua-memory-limit", "50mb", "--io-model", model]);
        let mut client = patient_client(port);
        let mut answers = BufReader::new(client.try_clone().expect("cloned")).lines();
        for (script, expected) in [
            ("return string.find('a', string.rep('a?', 300000))", "pattern too complex"),
            ("return ('a'):gsub(string.rep('a?', 300000), '')", "pattern too complex"),
            ("for w in ('a'):gmatch(string.rep('(', 300000)) do end", "pattern too complex"),
            ("return ('a'):match(string.rep('a-', 300000))", "pattern too complex"),
            ("return string.find('x', string.rep('a?', 300000), 1, true) or 'none'", "none"),
            ("local s = 'x' while true do s = s .. s end", "-ERR not enough memory: "),
            ("local t = {} while true do t = {t, string.rep('x', 1000)} end", "-ERR not enough"),
            (
                "local s = 'x' local fine, why = pcall(function() while true do s = s .. s end end) \
              s = nil return why",
                "not enough memory",
            ),
            ("local t = {} for i = 1, 100000 do t = {t} end return cjson.encode(t)", "nesting"),
            ("return cjson.decode(string.rep('[', 1000000))", "too many nested"),
            ("local t = {} for i = 1, 100000 do t = {t} end return #t", ":1"),
            ("return loadstring('return ' .. string.rep('(', 100000)) == nil and 'none'", "none"),
            ("local function f() return f() + 1 end return f()", "stack overflow"),
            ("return 'alive'", "alive"),
        ] {
            send_script(&mut client, script);
            let mut line = answers.next().expect("an answer").expect("in time");
            if line.starts_with('$') {
                line = answers.next().expect("an answer").expect("in time");
            }
            assert!(line.contains(expected), "{model}: {script}: {line}");
        }
        child.kill().expect("ended");
        child.wait().expect("ended");
    }
}

#[test]
fn more_clients_than_descriptors_raises_the_limit_or_lowers_maxclients_and_says_so() {
    let port = free_port().to_string();
    let script = format!(
        "ulimit -n 100 && exec {} --port {port} --bind 127.0.0.1 --maxclients 500",
        env!("CARGO_BIN_EXE_ae-server")
    );
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut said = Vec::new();
    for line in lines.map_while(Result::ok) {
        let ready = line.contains("Ready to accept");
        said.push(line);
        if ready {
            break;
        }
    }
    child.kill().expect("ended");
    child.wait().expect("ended");
    let said = said.join("\n");
    // A process that may raise the hard limit gets more descriptors instead.
    let lowered = said.contains("maxclients has been reduced to 68");
    let raised = said.contains("Increased maximum number of open files to 532");
    assert!(lowered || raised, "{said}");
}
