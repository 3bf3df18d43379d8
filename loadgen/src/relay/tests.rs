//! The pure parts in virtual time.
