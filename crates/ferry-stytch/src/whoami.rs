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

    /// What Stytch's clock shows, to the second: the `Date` of a reply (RFC 9110, 6.6.1), whatever
    /// the reply says. `None`: there was no reply, or it has no date.
    pub async fn date(&self) -> Option<String> {
        let response = self.get("/v1/debug/whoami").send().await.ok()?;
        let date = response.headers().get(reqwest::header::DATE)?;
        date.to_str().ok().map(str::to_owned)
    }
}
