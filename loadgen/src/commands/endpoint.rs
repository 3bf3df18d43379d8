//! The endpoint of `--prometheus` over the time of a command: from before its first run until after its results.
//!
//! Invariant: it stays only if there is something to read at it.

use crate::cli::prometheus::PrometheusArgs;
use crate::console;
use crate::exporter::Exporter;
use aelab_engine::error::Failure;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// An endpoint that may be asked for.
pub(super) struct Endpoint<'a> {
    args: &'a PrometheusArgs,
    exporter: Option<Exporter>,
}

impl<'a> Endpoint<'a> {
    /// Not started yet.
    pub(super) const fn new(args: &'a PrometheusArgs) -> Self {
        Self { args, exporter: None }
    }

    /// Listens, if it is asked for.
    ///
    /// # Errors
    /// The address cannot be used (exit 2).
    pub(super) fn start(&mut self) -> Result<Option<&Exporter>, Failure> {
        self.exporter = self.args.address.as_deref().map(Exporter::start).transpose()?;
        Ok(self.exporter.as_ref())
    }

    /// Ends it, after the time that was asked for.
    pub(super) fn end(self, cancel: &AtomicBool) {
        let (Some(exporter), Some(span)) = (self.exporter, self.args.linger) else { return };
        if exporter.has_run() && !cancel.load(Relaxed) {
            let span_s = span.as_secs_f64();
            console::note(&format!("the metrics are served for {span_s} s more; ^C ends it"));
            exporter.linger(span, cancel);
        }
    }
}
