//! What the user calls a run, as typed: of `run` and `scenario run` alike.

use crate::cli::values::tag;
use aelab_results::record::Labels;
use clap::Args;

/// Title, note and tags, as typed.
#[derive(Debug, Clone, Default, Args)]
pub struct LabelArgs {
    /// Title of the run, for the text, the report and the record.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub title: String,
    /// Note about the run, for the report and the record.
    #[arg(
        hide_short_help = true,
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub note: String,
    /// Tag of the run for the record, such as env=staging; repeat the flag for several tags.
    #[arg(hide_short_help = true, long = "tag", value_name = "NAME=VALUE", value_parser = tag)]
    pub tags: Vec<(String, String)>,
}

impl LabelArgs {
    /// What they come to.
    #[must_use]
    pub fn labels(&self) -> Labels {
        let Self { title, note, tags } = self.clone();
        Labels { title, note, tags }
    }
}
