//! The codec against byte vectors, against itself, and against every way of cutting its input.

mod replies;
mod requests;
