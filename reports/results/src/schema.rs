//! The JSON Schema of `result.json` (draft 2020-12), as text.
//!
//! Tests compare it with the types in `record` and with the records of real runs, in both directions.

/// The schema; `loadgen report schema` prints it.
pub const RESULT_SCHEMA: &str = include_str!("../../../docs/result.schema.json");
