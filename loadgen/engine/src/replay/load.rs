//! Reading a capture from its file: which form it has, what is left out, which connection each command goes to.
//!
//! Invariant: a broken line is an error with its number; only the last one may be cut, and that is reported.

use crate::files::{self, BYTE_ORDER_MARK};
use crate::replay::aof::{Command, Next, Reader, manifest};
use crate::replay::assignment::{Found, Kind, Wanted, deal};
use crate::replay::decoded::Decoded;
use crate::replay::monitor;
use crate::replay::rdb::{self, Snapshot};
use crate::replay::rules::{Rule, judge};
use crate::replay::{Entry, Form, OFFSET_BITS, Replay};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

/// Commands kept apart by name; what comes on top is one row.
const LABELS_MAX: usize = 500;
/// The row of commands whose names are too many.
const OTHER: &str = "OTHER";
/// Most commands: their numbers have 32 bits.
const COMMANDS_MAX: usize = u32::MAX as usize - 1;

/// What to take of a capture.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Send what is left out otherwise, as far as the protocol allows.
    pub all: bool,
    /// Most connections; clients beyond share.
    pub connections_max: usize,
    /// Most commands.
    pub commands_max: Option<u64>,
    /// Everything goes to this database, whatever was captured.
    pub only_db: Option<u16>,
}

/// A capture as it was read.
#[derive(Debug)]
pub struct Loaded {
    /// The commands.
    pub replay: Replay,
    /// When each was sent, in nanoseconds from the first; `None` if the capture has no times.
    pub times: Option<Vec<u64>>,
    /// Names of the commands, as the entries count them.
    pub labels: Vec<String>,
    /// Clients that were captured.
    pub clients: usize,
    /// What was left out, by name and reason.
    pub skipped: BTreeMap<(String, &'static str), u64>,
    /// Lines whose time was before that of an earlier one.
    pub backward: u64,
    /// Whether the last command was cut.
    pub is_cut: bool,
}

/// Reads the index of a capture.
///
/// # Errors
/// One line: what is wrong with it, where, and what to do.
pub fn load(path: &Path, wish: &Wish) -> Result<Loaded, String> {
    let fail = |why: String| format!("{}: {why}", path.display());
    let files = files_of(path).map_err(fail)?;
    let mut builder = Builder::new(*wish);
    let mut paths = Vec::new();
    let mut form = None;
    for (number, file) in (0_u64..).zip(&files) {
        let fail = |why: String| format!("{}: {why}", file.display());
        let handle = files::open_regular(file).map_err(|error| fail(unreadable(&error)))?;
        // The base of a server that never rewrote its append-only file.
        let is_empty = handle.metadata().is_ok_and(|about| about.is_file() && about.len() == 0);
        if files.len() > 1 {
            match rdb::look(&handle).map_err(|error| fail(error.to_string()))? {
                // It holds a place, as the files are known by their numbers.
                Snapshot::None if is_empty => {
                    paths.push(absolute(file));
                    continue;
                }
                Snapshot::Empty => {
                    paths.push(absolute(file));
                    continue;
                }
                Snapshot::Data => return Err(fail(after_snapshot(file, &files))),
                Snapshot::None => {}
            }
        }
        let this = form_of(&handle).map_err(fail)?;
        if form.is_some_and(|form| form != this) {
            return Err(fail("is of another form than the file before it".to_owned()));
        }
        form = Some(this);
        let again = handle.try_clone().map_err(|error| fail(error.to_string()))?;
        match this {
            Form::Monitor => builder.monitor(again, number),
            Form::Resp => builder.aof(again, number),
        }
        .map_err(fail)?;
        paths.push(absolute(file));
    }
    let form = form.unwrap_or(Form::Resp);
    builder.finish(paths, form).map_err(fail)
}

/// The whole path: a plan may be run from another folder.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// What to replay in place of files of which one is a snapshot with data.
fn after_snapshot(base: &Path, files: &[PathBuf]) -> String {
    let later = files.iter().skip_while(|file| *file != base).skip(1);
    let commands: Vec<String> = later.map(|file| format!("--replay {}", file.display())).collect();
    format!(
        "is an RDB snapshot, which holds data and no commands; start the server with it if the data matter, and replay what \
         was written since: {}",
        commands.join(", then ")
    )
}

/// Why a file cannot be opened, and what would be one.
fn unreadable(error: &std::io::Error) -> String {
    format!(
        "{error}; give the output of redis-cli MONITOR, an append-only file, or a server's appendonlydir"
    )
}

/// The files of a capture: itself, or those that the manifest in a folder names.
fn files_of(path: &Path) -> Result<Vec<PathBuf>, String> {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(|error| error.to_string())?;
        let is_manifest = |path: &PathBuf| path.extension().is_some_and(|end| end == "manifest");
        let found = entries.flatten().map(|entry| entry.path()).find(is_manifest);
        let found =
            found.ok_or("no .manifest in this folder; give a capture or an appendonlydir")?;
        return manifest(&found);
    }
    if path.extension().is_some_and(|end| end == "manifest") {
        return manifest(path);
    }
    Ok(vec![path.to_owned()])
}

/// What a file's first bytes say it is.
fn form_of(mut file: &File) -> Result<Form, String> {
    use std::io::{Seek as _, SeekFrom};
    let mut head = [0; 5 + BYTE_ORDER_MARK.len()];
    let mut len = 0;
    while let Ok(count @ 1..) = file.read(&mut head[len..]) {
        len += count;
    }
    file.seek(SeekFrom::Start(0)).map_err(|error| format!("must be a regular file: {error}"))?;
    let head = &head[..len];
    match head.strip_prefix(BYTE_ORDER_MARK) {
        Some([b'0'..=b'9' | b'O' | b'+', ..]) => return Ok(Form::Monitor),
        Some([b'*' | b'#', ..]) => {
            return Err("begins with a byte order mark, so an editor has changed it and its lengths may be wrong; give the \
                        file that the server wrote"
                .to_owned());
        }
        _ => {}
    }
    match head {
        [b'R', b'E', b'D', b'I', b'S', ..] => Err("begins with an RDB snapshot, which holds data and no commands; start the server with it, and \
                         replay the .incr.aof that belongs to it (or write the AOF anew with aof-use-rdb-preamble no)"
            .to_owned()),
        [b'*' | b'#', ..] => Ok(Form::Resp),
        [b'0'..=b'9' | b'O' | b'+', ..] => Ok(Form::Monitor),
        [] => Err("is empty".to_owned()),
        [0x1f, 0x8b, ..] => Err("is compressed; unpack it with gunzip and give what comes out".to_owned()),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            Err("is compressed; unpack it with unzstd and give what comes out".to_owned())
        }
        _ if files::is_utf16(head) => Err("is text in UTF-16; save it as UTF-8".to_owned()),
        _ => Err("is neither a MONITOR capture nor an append-only file".to_owned()),
    }
}

struct Builder {
    wish: Wish,
    found: Vec<Found>,
    times: Vec<u64>,
    first_us: Option<u64>,
    labels: Vec<String>,
    label_numbers: HashMap<Vec<u8>, u16>,
    clients: HashMap<Vec<u8>, u32>,
    skipped: BTreeMap<(String, &'static str), u64>,
    backward: u64,
    is_cut: bool,
    /// Database of an append-only file, which has one stream of commands, at this point.
    db: u16,
}

impl Builder {
    fn new(wish: Wish) -> Self {
        Self {
            wish,
            found: Vec::new(),
            times: Vec::new(),
            first_us: None,
            labels: Vec::new(),
            label_numbers: HashMap::new(),
            clients: HashMap::new(),
            skipped: BTreeMap::new(),
            backward: 0,
            is_cut: false,
            db: 0,
        }
    }

    fn is_full(&self) -> bool {
        let limit = self.wish.commands_max.unwrap_or(u64::MAX);
        self.found.len() as u64 >= limit
    }

    fn monitor(&mut self, file: File, number: u64) -> Result<(), String> {
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let (mut line, mut args) = (Vec::new(), Decoded::default());
        let mut offset = 0_u64;
        for count in 1_u64.. {
            line.clear();
            let read = reader.read_until(b'\n', &mut line).map_err(|error| error.to_string())?;
            if read == 0 || self.is_full() {
                break;
            }
            // Whatever it looks like: arguments may be missing.
            if !line.ends_with(b"\n") {
                self.is_cut = true;
                break;
            }
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            let mark = if count == 1 && text.starts_with(BYTE_ORDER_MARK) {
                BYTE_ORDER_MARK.len()
            } else {
                0
            };
            let text = &text[mark..];
            let begin = offset + mark as u64;
            offset += read as u64;
            if monitor::is_noise(text) {
                continue;
            }
            let parsed = monitor::parse(text).and_then(|parsed| {
                let is_whole = monitor::decode(parsed.arguments, &mut args);
                if is_whole { Ok(parsed) } else { Err("an argument's quotes are broken") }
            });
            match parsed {
                Ok(parsed) => {
                    let place = number << OFFSET_BITS | begin;
                    self.take_line(&parsed, &args, place, text.len())?;
                }
                Err(why) => return Err(format!("line {count}: {why}; mend or remove it")),
            }
        }
        Ok(())
    }

    fn take_line(
        &mut self,
        line: &monitor::Line<'_>,
        args: &Decoded,
        place: u64,
        len: usize,
    ) -> Result<(), String> {
        let mut words = args.args();
        let name = words.next().unwrap_or_default().to_ascii_uppercase();
        if line.client == b"lua" {
            self.skip(&name, "was done by a script, which is replayed itself");
            return Ok(());
        }
        if name == b"SELECT" {
            self.skip(&name, "is sent anew where a connection changes its database");
            return Ok(());
        }
        if !self.is_wanted(&name, words) {
            return Ok(());
        }
        let next_client = u32::try_from(self.clients.len()).unwrap_or(u32::MAX);
        let client = *self.clients.entry(line.client.to_vec()).or_insert(next_client);
        let first = *self.first_us.get_or_insert(line.at_us);
        let at = line.at_us.saturating_sub(first).saturating_mul(1_000);
        let last = self.times.last().copied().unwrap_or(0);
        self.backward += u64::from(at < last || line.at_us < first);
        self.times.push(at.max(last));
        self.push(&name, place, len as u64, client, line.db)
    }

    fn aof(&mut self, file: File, number: u64) -> Result<(), String> {
        let mut reader = Reader::new(file);
        let mut command = Command::default();
        for count in 1_u64.. {
            if self.is_full() {
                break;
            }
            match reader.next(&mut command) {
                Ok(Next::Command) => {}
                Ok(Next::End) => break,
                Ok(Next::Cut) => {
                    self.is_cut = true;
                    break;
                }
                Err(why) if count == 1 && number == 0 => {
                    return Err(format!(
                        "{why}: it is neither an append-only file nor a MONITOR capture"
                    ));
                }
                Err(why) => {
                    return Err(format!(
                        "command {count}: {why}; redis-check-aof can cut it off there"
                    ));
                }
            }
            let name =
                command.args.first().map(|name| name.to_ascii_uppercase()).unwrap_or_default();
            if name == b"SELECT" {
                let db =
                    command.args.get(1).and_then(|db| std::str::from_utf8(db).ok()?.parse().ok());
                self.db = db.ok_or_else(|| format!("command {count}: SELECT without a number"))?;
                continue;
            }
            if self.is_wanted(&name, command.args.iter().skip(1).map(Vec::as_slice)) {
                let place = number << OFFSET_BITS | command.offset;
                self.push(&name, place, command.len, 0, self.db)?;
            }
        }
        Ok(())
    }

    fn is_wanted<'a>(&mut self, name: &[u8], args: impl Iterator<Item = &'a [u8]>) -> bool {
        match judge(name, args) {
            Rule::Send => true,
            Rule::Skip(_) if self.wish.all => true,
            Rule::Skip(why) | Rule::Never(why) => {
                self.skip(name, why);
                false
            }
        }
    }

    fn skip(&mut self, name: &[u8], why: &'static str) {
        let name = String::from_utf8_lossy(name).into_owned();
        *self.skipped.entry((name, why)).or_default() += 1;
    }

    fn push(
        &mut self,
        name: &[u8],
        place: u64,
        len: u64,
        connection: u32,
        db: u16,
    ) -> Result<(), String> {
        if self.found.len() >= COMMANDS_MAX {
            return Err(
                "has more commands than 32 bits can count; take a part of it with -n".to_owned()
            );
        }
        let len = u32::try_from(len).map_err(|_| "has a command of more than 4 GiB".to_owned())?;
        let label = self.label(name);
        let kind = Kind::of(name);
        self.found.push(Found { entry: Entry { place, len, connection, label }, db, kind });
        Ok(())
    }

    fn label(&mut self, name: &[u8]) -> u16 {
        if let Some(number) = self.label_numbers.get(name) {
            return *number;
        }
        let text = String::from_utf8_lossy(name).into_owned();
        let is_plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        let is_kept = is_plain && !text.is_empty() && self.labels.len() < LABELS_MAX;
        let text = if is_kept { text } else { OTHER.to_owned() };
        let known = self.labels.iter().position(|label| *label == text);
        let number = known.unwrap_or(self.labels.len());
        if known.is_none() {
            self.labels.push(text.clone());
        }
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        if is_kept {
            self.label_numbers.insert(name.to_vec(), number);
        }
        number
    }

    /// Deals what was found out to connections.
    fn finish(mut self, files: Vec<PathBuf>, form: Form) -> Result<Loaded, String> {
        if self.found.is_empty() {
            return Err("holds no command that can be sent again".to_owned());
        }
        let clients = self.clients.len().max(1);
        let connections = clients.min(self.wish.connections_max.max(1));
        let connections = u32::try_from(connections).unwrap_or(u32::MAX);
        let has_times = form == Form::Monitor;
        let found = std::mem::take(&mut self.found);
        let captured = std::mem::take(&mut self.times);
        let changes_db = |one: &Found| self.wish.only_db.is_none() && one.db != 0;
        let select = found.iter().any(changes_db).then(|| self.label(b"SELECT"));
        let wanted = Wanted {
            clients,
            connections,
            only_db: self.wish.only_db,
            select: select.unwrap_or_default(),
        };
        let dealt = deal(found, &captured, &wanted);
        let (entries, times) = (dealt.entries, dealt.times);
        for (name, why, count) in dealt.left_out {
            *self.skipped.entry((name.to_owned(), why)).or_default() += count;
        }
        if entries.is_empty() {
            return Err("holds no command that can be sent again".to_owned());
        }
        if entries.len() > COMMANDS_MAX {
            return Err(
                "has more commands than 32 bits can count; take a part of it with -n".to_owned()
            );
        }
        Ok(Loaded {
            replay: Replay::new(files, form, entries, connections, self.wish.only_db.unwrap_or(0)),
            times: has_times.then_some(times),
            labels: self.labels,
            clients,
            skipped: self.skipped,
            backward: self.backward,
            is_cut: self.is_cut,
        })
    }
}
