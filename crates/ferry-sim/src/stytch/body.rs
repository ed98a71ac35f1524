//! Request bodies: JSON objects in which `null` means absent, as the Rust SDK sends it.

use axum::body::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Failure;

/// Reads a body, or says what is wrong with it.
pub(crate) fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        Failure::bad_request(format!(
            "The request body is invalid ({}).",
            category(&error)
        ))
    })
}

/// `null` as the type's default.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The kind of mistake and its place. Never the text around it, which may be a token.
fn category(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Io => "unreadable",
        serde_json::error::Category::Syntax => "not JSON",
        serde_json::error::Category::Data => "a field has the wrong type",
        serde_json::error::Category::Eof => "cut short",
    };
    format!("{kind}, line {} column {}", error.line(), error.column())
}
