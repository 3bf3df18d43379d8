//! Which code plays which procedure, and what a scenario's parameters are called there.
//!
//! A new procedure: a row in the scenarios' table (`scenarios/src/procedure/table.rs`), a file here, a line in [`play`].
//! Invariant: only figures that the row names come out.

use super::{Findings, Site, split_command};
use crate::exit::Failure;
use aelab_reports::record::{NamedFigure, Procedure as Record, Table};
use aelab_scenarios::criterion::Dimension;
use aelab_scenarios::procedure::{Procedure, ProcedureKind, dimension_of_name};

/// Plays a procedure and writes down what it found.
///
/// # Errors
/// It could not be played at all; a claim that fails is a figure, no error.
pub fn play(site: &Site<'_>, procedure: &Procedure) -> Result<Record, Failure> {
    let of = Params(procedure);
    let findings = match procedure.kind {
        ProcedureKind::SplitCommand => {
            let params = split_command::Params {
                value_bytes: of.size("value_size")?,
                large_value_bytes: of.size("large_value_size")?,
            };
            split_command::run(site, &params)
        }
    }?;
    record(procedure.kind, findings)
}

/// A procedure's parameters as the code wants them; a slip in a name is a failure, not a panic.
struct Params<'a>(&'a Procedure);

impl Params<'_> {
    fn size(&self, name: &str) -> Result<usize, Failure> {
        let count = self.0.count(name).map_err(Failure::invalid)?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
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
        curve: None,
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
