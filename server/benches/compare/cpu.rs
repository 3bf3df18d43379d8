//! Section `cpu`: what a request costs the server, and how many there are per second.

use crate::Failure;
use crate::arms::{self, Arm};
use crate::client::{Load, Outcome, load};
use crate::options::Options;
use crate::process::Process;
use crate::table::{markdown, median};

/// Connections of every arm that serves several.
const CONNECTIONS: usize = 50;
/// Requests per measurement, by pipeline depth: a second or two each.
const DEPTHS: [(usize, usize); 3] = [(1, 200_000), (16, 1_500_000), (100, 4_000_000)];
const COMMANDS: [&str; 2] = ["get", "set"];
/// What fills the keyspace.
const FILL: Load = Load { command: "set", connections: 50, pipeline: 32, requests: 500_000 };

/// What is measured of an arm in one round: by command and depth.
type Cells = Vec<Outcome>;

/// Every arm's outcomes, by round.
pub(crate) fn measure(
    options: &Options,
    servers: &[(Arm, Process)],
    loads: &[Load],
) -> Result<Vec<Vec<Cells>>, Failure> {
    let mut rounds = Vec::new();
    for round in 0..options.rounds {
        let mut order: Vec<usize> = (0..servers.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        let mut outcomes: Vec<Cells> = vec![Cells::new(); servers.len()];
        for each in loads {
            for &index in &order {
                let (arm, server) = &servers[index];
                let connections = if arm.alone { 1 } else { each.connections };
                server.resume();
                let outcome = load(
                    options,
                    (server.port, server.pid()),
                    Load { connections, requests: options.scaled(each.requests), ..*each },
                );
                server.halt();
                outcomes[index].push(outcome?);
            }
        }
        rounds.push(outcomes);
    }
    Ok(rounds)
}

/// Starts an arm, fills its keyspace and halts it until its turn.
pub(crate) fn prepare(arm: Arm, options: &Options) -> Result<(Arm, Process), Failure> {
    let server = Process::start(&arm, options, &[])?;
    let connections = if arm.alone { 1 } else { FILL.connections };
    load(options, (server.port, server.pid()), Load { connections, ..FILL })?;
    server.halt();
    Ok((arm, server))
}

pub(crate) fn run(options: &Options) -> Result<String, Failure> {
    let servers = arms::wanted(options)
        .into_iter()
        .map(|arm| prepare(arm, options))
        .collect::<Result<Vec<_>, _>>()?;
    let loads: Vec<Load> = DEPTHS
        .into_iter()
        .flat_map(|(pipeline, requests)| {
            COMMANDS.map(|command| Load { command, connections: CONNECTIONS, pipeline, requests })
        })
        .collect();
    let rounds = measure(options, &servers, &loads)?;
    let mut columns = vec!["arm".to_owned()];
    columns.extend(loads.iter().map(|l| format!("{} P{}", l.command.to_uppercase(), l.pipeline)));
    let table = |title: &str, cell: &dyn Fn(usize, usize) -> String| {
        let row = |arm: usize| {
            let mut row = vec![servers[arm].0.name.to_owned()];
            row.extend((0..loads.len()).map(|at| cell(arm, at)));
            row
        };
        let rows: Vec<Vec<String>> = (0..servers.len()).map(row).collect();
        markdown(title, &columns, &rows)
    };
    let mut text = table(
        "Server CPU time per request in microseconds, and its ratio to redis-server in the same round",
        &|arm, at| {
            let cost = median(rounds.iter().map(|round| round[arm][at].cpu_us));
            let ratio = rounds.iter().map(|round| round[arm][at].cpu_us / round[0][at].cpu_us);
            format!("{cost:.2} ({:.2}×)", median(ratio))
        },
    );
    text.push_str(&table("Thousand requests per second", &|arm, at| {
        format!("{:.0}", median(rounds.iter().map(|round| round[arm][at].per_second)) / 1000.0)
    }));
    Ok(text)
}
