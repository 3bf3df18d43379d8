//! The clients subscribed to each channel and pattern.
//!
//! Only the lists; commands deliver messages. Invariant: a client is listed here exactly for what its
//! own `extras.subscriptions` hold.

use crate::client::{ClientKey, Kind};
use foldhash::fast::RandomState;
use std::collections::HashMap;

type Lists = HashMap<Box<[u8]>, Vec<ClientKey>, RandomState>;

/// The subscriptions of all clients, in the order in which they subscribed.
#[derive(Default)]
pub(crate) struct PubSub {
    channels: Lists,
    patterns: Lists,
    shards: Lists,
}

impl PubSub {
    fn lists(&mut self, kind: Kind) -> &mut Lists {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shards,
        }
    }

    pub(crate) fn add(&mut self, kind: Kind, name: &[u8], client: ClientKey) {
        self.lists(kind).entry(name.into()).or_default().push(client);
    }

    pub(crate) fn remove(&mut self, kind: Kind, name: &[u8], client: ClientKey) {
        let lists = self.lists(kind);
        if let Some(clients) = lists.get_mut(name) {
            clients.retain(|&other| other != client);
            if clients.is_empty() {
                lists.remove(name);
            }
        }
    }

    /// The subscribers of exactly this name.
    pub(crate) fn subscribers(&self, kind: Kind, name: &[u8]) -> &[ClientKey] {
        self.of(kind).get(name).map_or(&[], Vec::as_slice)
    }

    /// All names of a kind with their subscribers.
    pub(crate) fn all(&self, kind: Kind) -> impl ExactSizeIterator<Item = (&[u8], &[ClientKey])> {
        self.of(kind).iter().map(|(name, clients)| (&**name, clients.as_slice()))
    }

    const fn of(&self, kind: Kind) -> &Lists {
        match kind {
            Kind::Channel => &self.channels,
            Kind::Pattern => &self.patterns,
            Kind::Shard => &self.shards,
        }
    }
}
