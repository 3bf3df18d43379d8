//! Who is subscribed to which channels and patterns.
//!
//! Only the lists: delivering is the commands' work. Invariant: a client is listed here exactly for
//! what its own `extras.channels` and `extras.patterns` hold.

use crate::net::ClientKey;
use foldhash::fast::FixedState;
use std::collections::HashMap;

type Lists = HashMap<Box<[u8]>, Vec<ClientKey>, FixedState>;

/// Exact channels or patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Channel,
    Pattern,
}

/// The subscriptions of all clients, in the order in which they subscribed.
#[derive(Default)]
pub(crate) struct PubSub {
    channels: Lists,
    patterns: Lists,
}

impl PubSub {
    fn lists(&mut self, kind: Kind) -> &mut Lists {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
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

    /// The subscribers of exactly this channel.
    pub(crate) fn subscribers(&self, channel: &[u8]) -> &[ClientKey] {
        self.channels.get(channel).map_or(&[], Vec::as_slice)
    }

    /// All channels with their subscribers.
    pub(crate) fn channels(&self) -> impl Iterator<Item = (&[u8], &[ClientKey])> {
        self.channels.iter().map(|(name, clients)| (&**name, clients.as_slice()))
    }

    /// All patterns with their subscribers.
    pub(crate) fn patterns(&self) -> impl ExactSizeIterator<Item = (&[u8], &[ClientKey])> {
        self.patterns.iter().map(|(name, clients)| (&**name, clients.as_slice()))
    }
}
