//! Tests of the engine by itself: in virtual time, and against small servers of their own on real sockets.

mod accounting;
mod engine_sockets;
mod fake_server;
mod messages;
mod plan_json;
mod pools;
mod properties;
mod schedules;
mod support;
mod virtual_time;
mod warmup_end;
