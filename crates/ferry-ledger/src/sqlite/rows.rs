//! Many rows in one parameter.
//!
//! A statement whose text is always the same is prepared once; its rows come as one JSON array that
//! SQLite unpacks (`json_each`).

use serde::Serialize;

/// The rows as a JSON array. Tuples become arrays: `value ->> 0` is their first field.
pub(crate) fn json_rows<T: Serialize>(rows: &[T]) -> String {
    serde_json::to_string(rows).expect("rows are numbers, texts and tuples of them")
}
