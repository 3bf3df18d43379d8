//! The list of connections that will be written at the end of a turn.
//!
//! Invariant: a connection is on the list at most once.

use crate::conn::Conn;
use crate::io::Token;
use std::collections::VecDeque;

/// Puts a connection on the list of those to be written.
#[inline]
pub(crate) fn touch(touched: &mut VecDeque<Token>, token: Token, conn: &mut Conn) {
    if !conn.listed.touched {
        conn.listed.touched = true;
        touched.push_back(token);
    }
}
