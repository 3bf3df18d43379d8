//! Publish and subscribe: SUBSCRIBE UNSUBSCRIBE PSUBSCRIBE PUNSUBSCRIBE PUBLISH, SSUBSCRIBE SUNSUBSCRIBE
//! SPUBLISH, PUBSUB.
//!
//! Messages are appended to the subscribers' output buffers at once and sent before the loop sleeps, like
//! every reply. `client-output-buffer-limit` closes a subscriber that does not read.

use crate::client::Client;
use crate::client::ClientKey;
use crate::client::Kind;
use crate::client::name_bytes;
use crate::db::glob::Pattern;
use crate::reply::Reply;
use crate::server::Server;
use crate::server::flags::{
    FAST, IN_SUBSCRIBED_MODE, LOADING, NOSCRIPT, PUBSUB, PUSHES_REPLIES, STALE, WAITS_FOR_OTHERS,
};
use crate::server::{Call, CommandSpec, Group, NO_KEYS, command, container, keys};

const UNSUBSCRIBING: u32 =
    LOADING | NOSCRIPT | PUBSUB | STALE | PUSHES_REPLIES | IN_SUBSCRIBED_MODE;
const SUBSCRIBING: u32 = UNSUBSCRIBING | WAITS_FOR_OTHERS;

pub(crate) const TABLE: &[CommandSpec] = &[
    command("subscribe", -2, SUBSCRIBING, NO_KEYS, subscribe).docs(
        Group::Pubsub,
        "2.0.0",
        "O(N) where N is the number of channels to subscribe to.",
        "Listen for messages published to the given channels",
    ),
    command("unsubscribe", -1, UNSUBSCRIBING, NO_KEYS, unsubscribe).docs(
        Group::Pubsub,
        "2.0.0",
        "O(N) where N is the number of clients already subscribed to a channel.",
        "Stop listening for messages posted to the given channels",
    ),
    command("psubscribe", -2, SUBSCRIBING, NO_KEYS, psubscribe).docs(
        Group::Pubsub,
        "2.0.0",
        "O(N) where N is the number of patterns the client is already subscribed to.",
        "Listen for messages published to channels matching the given patterns",
    ),
    command("punsubscribe", -1, UNSUBSCRIBING, NO_KEYS, punsubscribe).docs(
        Group::Pubsub,
        "2.0.0",
        "O(N+M) where N is the number of patterns the client is already subscribed and M is the \
         number of total patterns subscribed in the system (by any client).",
        "Stop listening for messages posted to channels matching the given patterns",
    ),
    command("publish", 3, FAST | LOADING | PUBSUB | STALE, NO_KEYS, publish).docs(
        Group::Pubsub,
        "2.0.0",
        "O(N+M) where N is the number of clients subscribed to the receiving channel and M is the \
         total number of subscribed patterns (by any client).",
        "Post a message to a channel",
    ),
    command("ssubscribe", -2, SUBSCRIBING, keys(1, -1, 1), ssubscribe).docs(
        Group::Pubsub,
        "7.0.0",
        "O(N) where N is the number of shard channels to subscribe to.",
        "Listen for messages published to the given shard channels",
    ),
    command("sunsubscribe", -1, UNSUBSCRIBING, keys(1, -1, 1), sunsubscribe).docs(
        Group::Pubsub,
        "7.0.0",
        "O(N) where N is the number of clients already subscribed to a channel.",
        "Stop listening for messages posted to the given shard channels",
    ),
    command("spublish", 3, FAST | LOADING | PUBSUB | STALE, keys(1, 1, 1), spublish).docs(
        Group::Pubsub,
        "7.0.0",
        "O(N) where N is the number of clients subscribed to the receiving shard channel.",
        "Post a message to a shard channel",
    ),
    container("pubsub", -2, SUBCOMMANDS).docs(
        Group::Pubsub,
        "2.8.0",
        "Depends on subcommand.",
        "A container for Pub/Sub commands",
    ),
];

const INSPECTING: u32 = LOADING | PUBSUB | STALE;

const SUBCOMMANDS: &[CommandSpec] = &[
    command("channels", -2, INSPECTING, NO_KEYS, channels).of("pubsub").docs(
        Group::Pubsub,
        "2.8.0",
        "O(N) where N is the number of active channels, and assuming constant time pattern \
         matching (relatively short channels and patterns)",
        "List active channels",
    ),
    command("numsub", -2, INSPECTING, NO_KEYS, numsub).of("pubsub").docs(
        Group::Pubsub,
        "2.8.0",
        "O(N) for the NUMSUB subcommand, where N is the number of requested channels",
        "Get the count of subscribers for channels",
    ),
    command("numpat", 2, INSPECTING, NO_KEYS, numpat).of("pubsub").docs(
        Group::Pubsub,
        "2.8.0",
        "O(1)",
        "Get the count of unique patterns pattern subscriptions",
    ),
    command("shardchannels", -2, INSPECTING, NO_KEYS, shardchannels).of("pubsub").docs(
        Group::Pubsub,
        "7.0.0",
        "O(N) where N is the number of active shard channels, and assuming constant time pattern \
         matching (relatively short channels).",
        "List active shard channels",
    ),
    command("shardnumsub", -2, INSPECTING, NO_KEYS, shardnumsub).of("pubsub").docs(
        Group::Pubsub,
        "7.0.0",
        "O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels",
        "Get the count of subscribers for shard channels",
    ),
    command("help", 2, LOADING | STALE, NO_KEYS, help).of("pubsub").docs(
        Group::Pubsub,
        "6.2.0",
        "O(1)",
        "Show helpful text about the different subcommands",
    ),
];

/// Subscribes to channels. O(N) for N channels.
fn subscribe(call: &mut Call<'_>) {
    add(call, Kind::Channel);
}

/// Subscribes to patterns. O(N) for N patterns.
fn psubscribe(call: &mut Call<'_>) {
    add(call, Kind::Pattern);
}

/// Subscribes to shard channels. Without a cluster they are a second name space of channels. O(N).
fn ssubscribe(call: &mut Call<'_>) {
    if call.server.in_transaction {
        return call.out.error("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
    }
    add(call, Kind::Shard);
}

/// Ends subscriptions to the given channels, or to all. O(N) for N subscribers.
fn unsubscribe(call: &mut Call<'_>) {
    take_away(call, Kind::Channel);
}

/// Ends subscriptions to the given patterns, or to all. O(N) for N subscribers.
fn punsubscribe(call: &mut Call<'_>) {
    take_away(call, Kind::Pattern);
}

/// Ends subscriptions to the given channels of shards, or to all. O(N) for N subscribers.
fn sunsubscribe(call: &mut Call<'_>) {
    take_away(call, Kind::Shard);
}

/// The number in a confirmation: channels and patterns are counted together, those of shards alone.
fn counted(client: &Client, kind: Kind) -> usize {
    match kind {
        Kind::Shard => client.subscribed_to(kind),
        Kind::Channel | Kind::Pattern => {
            client.subscribed_to(Kind::Channel) + client.subscribed_to(Kind::Pattern)
        }
    }
}

fn add(call: &mut Call<'_>, kind: Kind) {
    let word: &[u8] = match kind {
        Kind::Channel => b"subscribe",
        Kind::Pattern => b"psubscribe",
        Kind::Shard => b"ssubscribe",
    };
    for name in call.args.from(1) {
        let Some(client) = call.server.clients.get_mut(call.client) else { return };
        let extras = client.extras_mut();
        let new = extras.subscriptions.of_mut(kind).insert(name.into());
        extras.names_bytes += if new { name_bytes(name) } else { 0 };
        let count = counted(client, kind);
        if new {
            call.server.pubsub.add(kind, name, call.client);
        }
        confirm(call.out, word, Some(name), count);
    }
    call.server.account_client(call.client);
}

fn take_away(call: &mut Call<'_>, kind: Kind) {
    let word: &[u8] = match kind {
        Kind::Channel => b"unsubscribe",
        Kind::Pattern => b"punsubscribe",
        Kind::Shard => b"sunsubscribe",
    };
    let listed: Vec<Box<[u8]>> = if call.args.len() > 1 {
        call.args.from(1).map(Into::into).collect()
    } else {
        let Some(client) = call.server.clients.get_mut(call.client) else { return };
        client.extras_mut().subscriptions.of(kind).iter().cloned().collect()
    };
    let count = |server: &Server, key: ClientKey| {
        server.clients.get(key).map_or(0, |client| counted(client, kind))
    };
    if listed.is_empty() {
        let count = count(call.server, call.client);
        return confirm(call.out, word, None, count);
    }
    for name in &listed {
        remove_one(call.server, call.client, kind, name);
        let count = count(call.server, call.client);
        confirm(call.out, word, Some(name), count);
    }
    call.server.account_client(call.client);
}

fn remove_one(server: &mut Server, key: ClientKey, kind: Kind, name: &[u8]) {
    let Some(client) = server.clients.get_mut(key) else { return };
    let extras = client.extras_mut();
    if extras.subscriptions.of_mut(kind).remove(name) {
        extras.names_bytes -= name_bytes(name);
        server.pubsub.remove(kind, name, key);
    }
}

/// Ends all subscriptions without a reply (`RESET`).
pub(crate) fn unsubscribe_silently(server: &mut Server, key: ClientKey) {
    for kind in Kind::ALL {
        let Some(client) = server.clients.get_mut(key) else { return };
        if client.extras().is_none() {
            return;
        }
        let extras = client.extras_mut();
        for name in std::mem::take(extras.subscriptions.of_mut(kind)) {
            extras.names_bytes -= name_bytes(&name);
            server.pubsub.remove(kind, &name, key);
        }
    }
    server.account_client(key);
}

fn confirm(out: &mut Reply, word: &[u8], name: Option<&[u8]>, count: usize) {
    out.push(3);
    out.bulk(word);
    match name {
        Some(name) => out.bulk(name),
        None => out.null(),
    }
    out.count(count);
}

/// Sends a message to a channel's subscribers and to those of matching patterns; replies with
/// their number. O(N+M) for N subscribers and M patterns.
fn publish(call: &mut Call<'_>) {
    let channel = call.args.at(1);
    let pubsub = &call.server.pubsub;
    let mut to: Vec<(ClientKey, Option<Box<[u8]>>)> =
        pubsub.subscribers(Kind::Channel, channel).iter().map(|&key| (key, None)).collect();
    for (pattern, clients) in pubsub.all(Kind::Pattern) {
        if Pattern::new(pattern).matches(channel) {
            to.extend(clients.iter().map(|&key| (key, Some(pattern.into()))));
        }
    }
    send(call, b"message", &to);
}

/// Sends a message to the subscribers of a shard's channel; replies with their number. O(N).
fn spublish(call: &mut Call<'_>) {
    let subscribers = call.server.pubsub.subscribers(Kind::Shard, call.args.at(1));
    let to: Vec<_> = subscribers.iter().map(|&key| (key, None)).collect();
    send(call, b"smessage", &to);
}

fn send(call: &mut Call<'_>, word: &[u8], to: &[(ClientKey, Option<Box<[u8]>>)]) {
    let (channel, message) = (call.args.at(1), call.args.at(2));
    for (key, pattern) in to {
        let write = |out: &mut Reply| message_to(out, word, pattern.as_deref(), channel, message);
        // The caller's own output buffer is lent to this call.
        if *key == call.client {
            to_own_client(call, write);
        } else {
            call.server.deliver(*key, write);
        }
    }
    call.server.observe.stats.pubsub_messages += to.len() as u64;
    call.out.count(to.len());
}

/// In a script, the reply that is being made is the script's, not the client's.
fn to_own_client(call: &mut Call<'_>, write: impl FnOnce(&mut Reply)) {
    let client = call.server.clients.get(call.client);
    let Some(protocol) = client.map(|client| client.protocol) else { return };
    match &mut call.server.scripting.running {
        None => write(call.out),
        Some(running) => {
            let mut reply = Reply::new(std::mem::take(&mut running.own_messages), protocol);
            write(&mut reply);
            running.own_messages = reply.into_bytes();
        }
    }
}

fn message_to(
    out: &mut Reply,
    word: &[u8],
    pattern: Option<&[u8]>,
    channel: &[u8],
    message: &[u8],
) {
    match pattern {
        None => {
            out.push(3);
            out.bulk(word);
        }
        Some(pattern) => {
            out.push(4);
            out.bulk(b"pmessage");
            out.bulk(pattern);
        }
    }
    out.bulk(channel);
    out.bulk(message);
}

/// Lists channels with subscribers, all or matching a pattern. O(N) for N channels.
fn channels(call: &mut Call<'_>) {
    list(call, Kind::Channel);
}

/// The same for channels of shards. O(N) for N channels.
fn shardchannels(call: &mut Call<'_>) {
    list(call, Kind::Shard);
}

fn list(call: &mut Call<'_>, kind: Kind) {
    if call.args.len() > 3 {
        return crate::command::help::unknown_or_wrong_arity(call, "PUBSUB");
    }
    let pattern = call.args.get(2).map(Pattern::new);
    let place = call.out.deferred();
    let mut count = 0;
    for (name, _) in call.server.pubsub.all(kind) {
        if pattern.as_ref().is_none_or(|pattern| pattern.matches(name)) {
            call.out.bulk(name);
            count += 1;
        }
    }
    call.out.end_array(place, count);
}

/// Counts the subscribers of the given channels. O(N) for N channels.
fn numsub(call: &mut Call<'_>) {
    count_subscribers(call, Kind::Channel);
}

/// The same for channels of shards. O(N) for N channels.
fn shardnumsub(call: &mut Call<'_>) {
    count_subscribers(call, Kind::Shard);
}

fn count_subscribers(call: &mut Call<'_>, kind: Kind) {
    call.out.array((call.args.len() - 2) * 2);
    for name in call.args.from(2) {
        call.out.bulk(name);
        call.out.count(call.server.pubsub.subscribers(kind, name).len());
    }
}

/// Counts patterns with subscribers. O(1).
fn numpat(call: &mut Call<'_>) {
    call.out.count(call.server.pubsub.all(Kind::Pattern).len());
}

/// Lists the subcommands. O(1).
fn help(call: &mut Call<'_>) {
    crate::command::help::help(
        call.out,
        "PUBSUB",
        &[
            "CHANNELS [<pattern>]",
            "    Return the currently active channels matching a <pattern> (default: '*').",
            "NUMPAT",
            "    Return number of subscriptions to patterns.",
            "NUMSUB [<channel> ...]",
            "    Return the number of subscribers for the specified channels, excluding",
            "    pattern subscriptions(default: no channels).",
            "SHARDCHANNELS [<pattern>]",
            "    Return the currently active shard level channels matching a <pattern> (default: '*').",
            "SHARDNUMSUB [<shardchannel> ...]",
            "    Return the number of subscribers for the specified shard level channel(s)",
        ],
    );
}
