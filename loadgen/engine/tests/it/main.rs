//! Tests of the engine by itself: in virtual time, and against small servers of their own on real sockets.

mod plan_json;
