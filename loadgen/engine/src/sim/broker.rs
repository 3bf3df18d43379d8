//! What the scripted server keeps between commands: subscribers of channels, and who waits for an element of a list.
//!
//! Not the timing (see `sim`). Channels whose names begin with `lossy`, `twice` or `swapped` do that to every tenth message.
//! Invariant: an element goes to the connection that has waited longest; a message to every subscriber.

use crate::io::Token;
use aelab_resp::encode;
use std::collections::{HashMap, VecDeque};

/// Bytes for a connection.
pub(crate) type Mail = (Token, Vec<u8>);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Broker {
    channels: HashMap<Vec<u8>, Vec<Token>>,
    lists: HashMap<Vec<u8>, VecDeque<Vec<u8>>>,
    waiting: HashMap<Vec<u8>, VecDeque<Token>>,
    published: u64,
    /// A message that will be sent after the next one.
    kept_back: Option<Vec<Mail>>,
}

impl Broker {
    /// What a command makes the server send, to the connection itself and to others, in order; `None` if it is none of
    /// those that this knows.
    pub(crate) fn serve(&mut self, token: Token, args: &[&[u8]]) -> Option<Vec<Mail>> {
        let name = args.first()?.to_ascii_uppercase();
        match (name.as_slice(), args) {
            (b"SUBSCRIBE", [_, channels @ ..]) => {
                let confirm = |channel: &&[u8]| {
                    self.channels.entry(channel.to_vec()).or_default().push(token);
                    (token, array(&[b"subscribe", channel, b"1"]))
                };
                Some(channels.iter().map(confirm).collect())
            }
            (b"PUBLISH", [_, channel, message]) => Some(self.publish(token, channel, message)),
            (b"LPUSH", [_, list, element]) => Some(self.push(token, list, element)),
            (b"BRPOP", [_, list, _timeout]) => Some(self.pop(token, list)),
            _ => None,
        }
    }

    fn publish(&mut self, token: Token, channel: &[u8], message: &[u8]) -> Vec<Mail> {
        self.published += 1;
        let is_tenth = self.published.is_multiple_of(10);
        let subscribers = self.channels.get(channel).map(Vec::as_slice).unwrap_or_default();
        let one = |to: &Token| (*to, array(&[b"message", channel, message]));
        let mut mail: Vec<Mail> = subscribers.iter().map(one).collect();
        if is_tenth && channel.starts_with(b"lossy") {
            mail.clear();
        } else if is_tenth && channel.starts_with(b"twice") {
            mail.extend(mail.clone());
        } else if is_tenth && channel.starts_with(b"swapped") {
            self.kept_back = Some(std::mem::take(&mut mail));
        } else if let Some(late) = self.kept_back.take() {
            mail.extend(late);
        }
        let mut reply = Vec::new();
        encode::integer(&mut reply, subscribers.len() as i64);
        mail.push((token, reply));
        mail
    }

    fn push(&mut self, token: Token, list: &[u8], element: &[u8]) -> Vec<Mail> {
        let mut reply = Vec::new();
        encode::integer(&mut reply, 1);
        let mut mail = vec![(token, reply)];
        match self.waiting.get_mut(list).and_then(VecDeque::pop_front) {
            Some(first) => mail.push((first, array(&[list, element]))),
            None => self.lists.entry(list.to_vec()).or_default().push_back(element.to_vec()),
        }
        mail
    }

    fn pop(&mut self, token: Token, list: &[u8]) -> Vec<Mail> {
        match self.lists.get_mut(list).and_then(VecDeque::pop_front) {
            Some(element) => vec![(token, array(&[list, &element]))],
            None => {
                self.waiting.entry(list.to_vec()).or_default().push_back(token);
                Vec::new()
            }
        }
    }

    /// A connection is gone.
    pub(crate) fn forget(&mut self, token: Token) {
        self.channels.values_mut().for_each(|tokens| tokens.retain(|known| *known != token));
        self.waiting.values_mut().for_each(|tokens| tokens.retain(|known| *known != token));
    }
}

fn array(words: &[&[u8]]) -> Vec<u8> {
    let mut reply = Vec::new();
    encode::array(&mut reply, words.len());
    words.iter().for_each(|word| encode::bulk(&mut reply, word));
    reply
}
