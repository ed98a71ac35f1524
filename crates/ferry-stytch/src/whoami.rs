//! Trying the credentials.

use serde::Deserialize;

use crate::client::{Client, LONGEST_REPLY_BYTES};
use crate::failure::Failure;
use crate::reply::parse;

/// The project that the credentials belong to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Whoami {
    /// `project-test-…` or `project-live-…`.
    pub project_id: String,
    /// The project's name in the Stytch Dashboard.
    pub name: String,
}

impl Client {
    /// Asks Stytch whose the credentials are: the cheapest call that needs them.
    ///
    /// Source: Stytch's SDKs (`debug.whoami()`, on B2B clients too) and its OpenAPI,
    /// `api_debug_v1_Whoami`.
    pub async fn whoami(&self) -> Result<Whoami, Failure> {
        let request = self.get("/v1/debug/whoami");
        let body = self.send(request, LONGEST_REPLY_BYTES).await?;
        parse(&body)
    }
}
