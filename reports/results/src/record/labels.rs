//! What a user calls a run.

use super::RunRecord;

/// Title, note and tags, as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    /// Title; may be empty.
    pub title: String,
    /// Note; may be empty.
    pub note: String,
    /// Tags, by name; of two with one name the later counts.
    pub tags: Vec<(String, String)>,
}

impl Labels {
    /// Writes them into a record.
    pub fn write(&self, record: &mut RunRecord) {
        record.title.clone_from(&self.title);
        record.note.clone_from(&self.note);
        record.tags = self.tags.iter().cloned().collect();
    }
}
