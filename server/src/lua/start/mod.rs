//! The start of a script: its arguments, its compiled function, and the call.

pub(super) mod sys;
