//! A table of strings, printed by the page and by the summary.

/// How a column is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    /// What the table shows, one line.
    pub(crate) caption: String,
    /// Column heads.
    pub(crate) head: Vec<(String, Align)>,
    /// Cells, as many per row as there are heads.
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table. `columns`: `<name` is set left, `>name` right.
    pub(crate) fn new(caption: impl Into<String>, columns: &[&str]) -> Self {
        let head = columns
            .iter()
            .map(|column| match column.strip_prefix('>') {
                Some(name) => (name.to_owned(), Align::Right),
                None => (column.trim_start_matches('<').to_owned(), Align::Left),
            })
            .collect();
        Self { caption: caption.into(), head, rows: Vec::new() }
    }

    /// Adds a row; it is cut or filled up to the number of columns.
    pub(crate) fn push(&mut self, mut row: Vec<String>) {
        row.resize(self.head.len(), String::new());
        self.rows.push(row);
    }

    /// The table without its first column, for cases where every row has the same value in it.
    pub(crate) fn without_first(mut self) -> Self {
        self.head.remove(0);
        for row in &mut self.rows {
            row.remove(0);
        }
        self
    }
}
