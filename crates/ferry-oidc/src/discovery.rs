//! The provider's configuration: where is UserInfo?

use std::time::Duration;

use ferry_http::{Fault, body};
use serde::Deserialize;
use url::Url;

use crate::Issuer;
use crate::reply::LONGEST_REPLY_BYTES;

/// The provider's configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// No connection.
    #[error(
        "no connection to the legacy provider {issuer} ({cause}): check legacy.issuer, DNS, the firewall and the machine's root certificates"
    )]
    Unreachable {
        /// Which.
        issuer: String,
        /// The HTTP stack's reason.
        cause: String,
    },
    /// A connection, and no answer.
    #[error("the legacy provider {0} did not answer for its configuration: try again later")]
    Unanswered(String),
    /// An error status.
    #[error(
        "the legacy provider {issuer} answered {status} for its configuration: legacy.issuer is to be what its tokens name in `iss`"
    )]
    Status {
        /// Which.
        issuer: String,
        /// The HTTP status.
        status: u16,
    },
    /// Not the form of a configuration.
    #[error(
        "what answers for the configuration of {0} is not an OpenID provider: legacy.issuer is to be what its tokens name in `iss`"
    )]
    NotAConfiguration(String),
    /// Somebody else's.
    #[error(
        "the configuration at {0} is another issuer's: legacy.issuer is to be what the provider's tokens name in `iss`"
    )]
    OtherIssuer(String),
    /// No UserInfo, or not where a token may be sent.
    #[error(
        "the legacy provider {0} names no UserInfo endpoint that is reached by https: set legacy.probe = false"
    )]
    NoUserInfo(String),
}

impl DiscoveryError {
    /// It may be over by itself.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Unanswered(_) => true,
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500..),
            Self::NotAConfiguration(_) | Self::OtherIssuer(_) | Self::NoUserInfo(_) => false,
        }
    }
}

#[derive(Deserialize)]
struct Configuration {
    issuer: String,
    userinfo_endpoint: Option<String>,
}

/// Asks the provider where its UserInfo is. Source: `OpenID` Connect Discovery 1.0, section 4.
pub(crate) async fn userinfo_url(
    http: &reqwest::Client,
    issuer: &Issuer,
    timeout: Duration,
) -> Result<Url, DiscoveryError> {
    let name = || issuer.to_string();
    let request = http.get(issuer.configuration_url()).timeout(timeout);
    let response = request
        .send()
        .await
        .map_err(|error| match Fault::of(error) {
            Fault::NotSent { cause } => DiscoveryError::Unreachable {
                issuer: name(),
                cause,
            },
            Fault::Unanswered(_) => DiscoveryError::Unanswered(name()),
        })?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(DiscoveryError::Status {
            issuer: name(),
            status,
        });
    }
    let body = body(response, LONGEST_REPLY_BYTES)
        .await
        .map_err(|_| DiscoveryError::Unanswered(name()))?;
    let configuration: Configuration =
        serde_json::from_slice(&body).map_err(|_| DiscoveryError::NotAConfiguration(name()))?;
    if !issuer.is(&configuration.issuer) {
        return Err(DiscoveryError::OtherIssuer(name()));
    }
    let endpoint = configuration.userinfo_endpoint;
    endpoint
        .and_then(|endpoint| issuer.endpoint(&endpoint))
        .ok_or_else(|| DiscoveryError::NoUserInfo(name()))
}
