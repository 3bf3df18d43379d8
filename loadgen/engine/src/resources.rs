//! What a plan needs at run time and cannot hold as plain data: TLS clients, open captures, newer layouts of a cluster.
//!
//! Not the plan. Invariant: resources are opened before any connection is, so that a file that is missing is an error at
//! once.

use crate::error::EngineError;
use crate::plan::{Endpoint, RunPlan};
use crate::replay::cursor::OpenReplay;
use crate::tls::TlsClients;
use crate::topology::Topology;
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub(crate) struct Resources {
    pub(crate) tls: TlsClients,
    /// By group of the plan.
    pub(crate) replays: Vec<Option<Arc<OpenReplay>>>,
    pub(crate) topology: Arc<Topology>,
}

impl Resources {
    /// Opens what `plan` names.
    ///
    /// # Errors
    /// A file cannot be used.
    pub(crate) fn open(plan: &RunPlan, topology: Arc<Topology>) -> Result<Self, EngineError> {
        let endpoints = plan.groups.iter().flat_map(|group| group.target.endpoints());
        let encrypted = endpoints.filter_map(|endpoint| match endpoint {
            Endpoint::Tls(endpoint) => Some(endpoint),
            Endpoint::Tcp(_) | Endpoint::Unix(_) => None,
        });
        let tls =
            TlsClients::new(encrypted).map_err(|failure| EngineError::Plan(failure.message))?;
        let mut replays = Vec::new();
        for group in &plan.groups {
            let open = group.replay.as_ref().map(OpenReplay::open).transpose();
            let open = open.map_err(|(path, error)| {
                EngineError::Plan(format!("{} cannot be replayed: {error}", path.display()))
            })?;
            replays.push(open.map(Arc::new));
        }
        Ok(Self { tls, replays, topology })
    }
}
