//! Which function runs which procedure, and how a scenario's parameters map to it.
//!
//! A new procedure: a row in the scenarios' table (`scenarios/src/procedure/table.rs`), a file here, a line in [`run`].
//! Invariant: only figures that the row names are recorded.

use crate::procedure::{
    Findings, ServerUnderTest, accept_queue, atomic, connection_cost, connection_state,
    flow_control, loop_order, max_total, maxclients, pipelining, session, split_command,
    tcp_vs_unix, time_events, transaction, wakeup_cost,
};
use aelab_engine::error::Failure;
use aelab_results::record::{NamedFigure, Procedure as Record, Table};
use aelab_scenarios::criterion::Dimension;
use aelab_scenarios::procedure::{Procedure, ProcedureKind, dimension_of_name};
use std::time::Duration;

/// Runs a procedure and returns its record.
///
/// # Errors
/// It could not be run at all; a claim that fails is a figure, not an error.
pub fn run(under_test: &ServerUnderTest<'_>, procedure: &Procedure) -> Result<Record, Failure> {
    let of = Params(procedure);
    let findings = match procedure.kind {
        ProcedureKind::SplitCommand => split_command::run(under_test, &of.split_command()?),
        ProcedureKind::ConnectionState => {
            connection_state::run(under_test, &of.connection_state()?)
        }
        ProcedureKind::FlowControl => flow_control::run(under_test, &of.flow_control()?),
        ProcedureKind::AcceptQueue => accept_queue::run(under_test, &of.accept_queue()?),
        ProcedureKind::ConnectionCost => connection_cost::run(under_test, &of.connection_cost()?),
        ProcedureKind::MaxClients => {
            maxclients::run(under_test, &maxclients::Params { limit: of.count("limit")? })
        }
        ProcedureKind::MaxTotal => max_total::run(under_test, &of.max_total()?),
        ProcedureKind::Transaction => transaction::run(under_test, &of.transaction()?),
        ProcedureKind::Pipelining => pipelining::run(under_test, &of.pipelining()?),
        ProcedureKind::TcpVsUnix => tcp_vs_unix::run(under_test, &of.tcp_vs_unix()?),
        ProcedureKind::Session => session::run(under_test, &of.session()?),
        ProcedureKind::WakeupCost => wakeup_cost::run(under_test, &of.wakeup_cost()?),
        ProcedureKind::TimeEvents => time_events::run(under_test, &of.time_events()?),
        ProcedureKind::Atomic => atomic::run(under_test, &of.atomic()?),
        ProcedureKind::LoopOrder => loop_order::run(under_test, &of.loop_order()?),
    }?;
    record(procedure.kind, findings)
}

/// A procedure's parameters with the types of the code; a wrong name is a failure, not a panic.
struct Params<'a>(&'a Procedure);

impl Params<'_> {
    /// A count, or a size in bytes.
    fn count(&self, name: &str) -> Result<usize, Failure> {
        let count = self.0.count(name).map_err(Failure::invalid)?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn counts(&self, name: &str) -> Result<Vec<usize>, Failure> {
        let counts = self.0.counts(name).map_err(Failure::invalid)?;
        Ok(counts.iter().map(|count| usize::try_from(*count).unwrap_or(usize::MAX)).collect())
    }

    fn duration(&self, name: &str) -> Result<Duration, Failure> {
        self.0.duration(name).map_err(Failure::invalid)
    }

    fn split_command(&self) -> Result<split_command::Params, Failure> {
        Ok(split_command::Params {
            value_bytes: self.count("value_size")?,
            large_value_bytes: self.count("large_value_size")?,
        })
    }

    fn connection_state(&self) -> Result<connection_state::Params, Failure> {
        Ok(connection_state::Params {
            commands: self.count("commands")?,
            connections: self.count("connections")?,
        })
    }

    fn flow_control(&self) -> Result<flow_control::Params, Failure> {
        Ok(flow_control::Params {
            stall: self.duration("stall")?,
            sample_every: self.duration("sample_every")?,
            value_bytes: self.count("value_size")?,
        })
    }

    fn accept_queue(&self) -> Result<accept_queue::Params, Failure> {
        Ok(accept_queue::Params {
            stall: self.duration("stall")?,
            connections: self.count("connections")?,
            crowd: self.count("crowd")?,
            crowd_stall: self.duration("crowd_stall")?,
        })
    }

    fn connection_cost(&self) -> Result<connection_cost::Params, Failure> {
        Ok(connection_cost::Params {
            connections: self.counts("connections")?,
            rest: self.duration("rest")?,
        })
    }

    fn max_total(&self) -> Result<max_total::Params, Failure> {
        Ok(max_total::Params {
            limit: self.count("limit")?,
            demand: self.count("demand")?,
            max_total: self.count("max_total")?,
            neighbours: self.count("neighbours")?,
            each: self.count("each")?,
        })
    }

    fn transaction(&self) -> Result<transaction::Params, Failure> {
        Ok(transaction::Params {
            readings: self.count("readings")?.max(2),
            attempts: self.count("attempts")?,
        })
    }

    fn pipelining(&self) -> Result<pipelining::Params, Failure> {
        Ok(pipelining::Params {
            commands: self.count("commands")?.max(1),
            depths: self.counts("depths")?.into_iter().filter(|depth| *depth > 0).collect(),
            round_trips: self.0.durations("round_trips").map_err(Failure::invalid)?.to_vec(),
            repeats: self.count("repeats")?,
        })
    }

    fn tcp_vs_unix(&self) -> Result<tcp_vs_unix::Params, Failure> {
        Ok(tcp_vs_unix::Params {
            value_sizes: self.counts("value_sizes")?,
            depths: self.counts("depths")?.into_iter().filter(|depth| *depth > 0).collect(),
            connections: self.counts("connections")?.into_iter().filter(|n| *n > 0).collect(),
            open_load: self.count("open_load")?.min(100),
            pairs: self.count("pairs")?,
            block: self.duration("block")?,
        })
    }

    fn session(&self) -> Result<session::Params, Failure> {
        Ok(session::Params { session: self.duration("session")?, pause: self.duration("pause")? })
    }

    fn wakeup_cost(&self) -> Result<wakeup_cost::Params, Failure> {
        Ok(wakeup_cost::Params {
            idle: self.counts("idle")?,
            wakeups: self.count("wakeups")?,
            repeats: self.count("repeats")?,
            active: self.count("active")?,
        })
    }

    fn time_events(&self) -> Result<time_events::Params, Failure> {
        Ok(time_events::Params {
            watch: self.duration("watch")?,
            keys: self.count("keys")?,
            ttl: self.duration("ttl")?,
            idle_timeout: self.duration("idle_timeout")?,
        })
    }

    fn atomic(&self) -> Result<atomic::Params, Failure> {
        Ok(atomic::Params {
            writers: self.count("writers")?,
            transactions: self.count("transactions")?,
            pipeline: self.count("pipeline")?,
        })
    }

    fn loop_order(&self) -> Result<loop_order::Params, Failure> {
        Ok(loop_order::Params {
            watch: self.duration("watch")?,
            connections: self.count("connections")?,
        })
    }
}

fn record(kind: ProcedureKind, findings: Findings) -> Result<Record, Failure> {
    let row = kind.row();
    let mut figures = Vec::new();
    for figure in findings.figures {
        if kind.dimension_of(&figure.name).is_none() {
            return Err(Failure::invalid(format!(
                "procedure {} gave a figure {} that its row does not name",
                row.name, figure.name
            )));
        }
        let within = figure.lo < figure.value || figure.value < figure.hi;
        figures.push(NamedFigure {
            unit: unit(dimension_of_name(&figure.name)).to_owned(),
            lo: within.then_some(figure.lo),
            hi: within.then_some(figure.hi),
            name: figure.name,
            value: figure.value,
        });
    }
    let finite = |row: Vec<f64>| row.into_iter().map(|v| v.is_finite().then_some(v)).collect();
    let tables = findings.tables.into_iter().map(|table| Table {
        title: table.title,
        columns: table.columns,
        rows: table.rows.into_iter().map(finite).collect(),
    });
    Ok(Record {
        kind: row.name.to_owned(),
        about: row.about.to_owned(),
        figures,
        notes: findings.notes,
        tables: tables.collect(),
        curve: findings.curve,
    })
}

/// The unit of a dimension, as records write it.
fn unit(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Time => "s",
        Dimension::Size => "B",
        Dimension::Rate => "1/s",
        Dimension::Number => "",
    }
}
