//! Text shared by terminal output, pages and messages: numbers with units, and escaped words.
//!
//! Pure functions. Read next: [`number`], [`escape`].

pub mod escape;
pub mod number;
