//! Section `timeline`: what following requests through the server costs.

use crate::Failure;
use crate::arms::OURS;
use crate::client::{Connection, Load, Outcome, load};
use crate::cpu::prepare;
use crate::options::Options;
use crate::table::{markdown, median};

const LOAD: Load = Load { command: "get", connections: 50, pipeline: 16, requests: 1_500_000 };
const MODES: [(&str, &str); 3] = [
    ("off", "AE TRACE OFF"),
    ("on, one request in 16", "AE TRACE ON"),
    ("on, every request", "AE TRACE ON SAMPLE 1"),
];

pub(crate) fn run(options: &Options) -> Result<String, Failure> {
    let (_, server) = prepare(OURS, options)?;
    server.resume();
    let mut control = Connection::open(server.port)?;
    let mut rounds: Vec<[Option<Outcome>; MODES.len()]> = Vec::new();
    for round in 0..options.rounds {
        let mut outcomes = [None; MODES.len()];
        let mut order = [0, 1, 2];
        if round % 2 == 1 {
            order.reverse();
        }
        for mode in order {
            control.ask(MODES[mode].1)?;
            let each = Load { requests: options.scaled(LOAD.requests), ..LOAD };
            outcomes[mode] = Some(load(options, (server.port, server.pid()), each)?);
        }
        rounds.push(outcomes);
    }
    let row = |mode: usize| {
        let of = |what: fn(&Outcome) -> f64| {
            let whole = rounds.iter().filter_map(move |round| Some((round[mode]?, round[0]?)));
            let values: Vec<(f64, f64)> = whole.map(|(it, off)| (what(&it), what(&off))).collect();
            let ratio = median(values.iter().map(|(it, off)| it / off));
            (median(values.iter().map(|(it, _)| *it)), ratio)
        };
        let (cpu, cpu_ratio) = of(|outcome| outcome.cpu_us);
        let (rate, rate_ratio) = of(|outcome| outcome.per_second);
        vec![
            MODES[mode].0.to_owned(),
            format!("{cpu:.3} ({cpu_ratio:.3}×)"),
            format!("{:.0} ({rate_ratio:.3}×)", rate / 1000.0),
        ]
    };
    let rows: Vec<Vec<String>> = (0..MODES.len()).map(row).collect();
    let columns =
        ["AE TRACE", "CPU µs per GET at P16", "thousand requests per second"].map(str::to_owned);
    Ok(markdown("What the request timeline costs, compared with no timeline", &columns, &rows))
}
