//! The command line.

use crate::Failure;

pub(crate) const HELP: &str = "\
cargo bench -p aelab-server --bench compare -- [SECTION...] [OPTION...]

Sections (default: all):
  cpu        server CPU time per request and requests per second: GET and SET, 32 bytes, 100,000 keys,
             50 connections, pipeline 1, 16 and 100; redis-server, every backend, every I/O model,
             io-threads 2 and 4
  idle       resident memory per idle connection, before and after each has sent a PING, and what a
             request of 3 busy connections among them costs the server
  timeline   what AE TRACE costs at pipeline 16: off, on (one request in 16), on for every request
  keys       KEYS *: time to the first and to the last byte

Options:
  --rounds N         rounds of each comparison (default 4; an odd round runs the arms backwards)
  --scale F          share of the requests (default 1; 0.02 shows that it works)
  --connections N    idle connections (default 10000; both ends need as many descriptors)
  --keys N           keys of the section keys (default 10000000, about 1 GB in redis-server)
  --arms A,B         only arms whose names contain one of these words; redis-server is always there
  --server-cpus L    cores of the servers, as for taskset -c (default: the first half)
  --client-cpus L    cores of the clients (default: the second half)
  --client PROGRAM   load generator: redis-benchmark (default) or a loadgen, which needs less CPU itself
                       and so keeps the faster servers busy (--client target/release/loadgen)
";

/// A part of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Cpu,
    Idle,
    Timeline,
    Keys,
}

const SECTIONS: [(&str, Section); 4] = [
    ("cpu", Section::Cpu),
    ("idle", Section::Idle),
    ("timeline", Section::Timeline),
    ("keys", Section::Keys),
];

pub(crate) struct Options {
    pub(crate) sections: Vec<Section>,
    pub(crate) rounds: usize,
    pub(crate) scale: f64,
    pub(crate) connections: usize,
    pub(crate) keys: usize,
    pub(crate) arms: Vec<String>,
    pub(crate) server_cpus: String,
    pub(crate) client_cpus: String,
    pub(crate) client: String,
}

impl Options {
    /// `None` if help is wanted.
    pub(crate) fn parse<'a>(
        args: impl Iterator<Item = &'a String>,
    ) -> Result<Option<Options>, Failure> {
        let (server_cpus, client_cpus) = halves(std::thread::available_parallelism());
        let mut options = Options {
            sections: Vec::new(),
            rounds: 4,
            scale: 1.0,
            connections: 10_000,
            keys: 10_000_000,
            arms: Vec::new(),
            server_cpus,
            client_cpus,
            client: "redis-benchmark".to_owned(),
        };
        let mut args = args.map(String::as_str);
        while let Some(arg) = args.next() {
            if let Some((_, section)) = SECTIONS.iter().find(|(name, _)| *name == arg) {
                options.sections.push(*section);
                continue;
            }
            if arg == "--help" || arg == "-h" {
                return Ok(None);
            }
            let value = args.next().ok_or_else(|| format!("{arg}: no such section, see --help"))?;
            let wrong = |_| format!("{arg} {value}: not a number above zero");
            match arg {
                "--rounds" => options.rounds = value.parse().map_err(wrong)?,
                "--connections" => options.connections = value.parse().map_err(wrong)?,
                "--keys" => options.keys = value.parse().map_err(wrong)?,
                "--scale" => {
                    let scale: Result<f64, _> = value.parse();
                    options.scale = scale.map_err(|_| format!("{arg} {value}: not a number"))?;
                }
                "--arms" => options.arms = value.split(',').map(str::to_owned).collect(),
                "--server-cpus" => options.server_cpus = value.to_owned(),
                "--client-cpus" => options.client_cpus = value.to_owned(),
                "--client" => options.client = value.to_owned(),
                _ => return Err(format!("{arg}: no such option, see --help")),
            }
        }
        if options.rounds == 0 || options.connections == 0 || options.keys == 0 {
            return Err("--rounds, --connections and --keys must be above zero".into());
        }
        if options.sections.is_empty() {
            options.sections = SECTIONS.iter().map(|(_, section)| *section).collect();
        }
        Ok(Some(options))
    }

    /// `requests` times the scale, at least enough to be timed.
    pub(crate) fn scaled(&self, requests: usize) -> usize {
        ((requests as f64 * self.scale) as usize).max(1000)
    }

    /// Whether the arm called `name` is wanted.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.arms.is_empty() || self.arms.iter().any(|word| name.contains(word.as_str()))
    }

    /// What was measured where, as the first lines of the result.
    pub(crate) fn describe(&self) -> String {
        let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        format!(
            "{}, {count} cores; servers on {}, clients on {}; {} rounds, scale {}, load by {}\n",
            model.map_or("unknown CPU", |(_, name)| name),
            self.server_cpus,
            self.client_cpus,
            self.rounds,
            self.scale,
            std::path::Path::new(&self.client).file_name().unwrap_or_default().display()
        )
    }
}

/// The cores of the servers and those of the clients.
fn halves(count: std::io::Result<std::num::NonZeroUsize>) -> (String, String) {
    match count.map_or(1, usize::from) {
        1 => ("0".into(), "0".into()),
        count => (format!("0-{}", count / 2 - 1), format!("{}-{}", count / 2, count - 1)),
    }
}
