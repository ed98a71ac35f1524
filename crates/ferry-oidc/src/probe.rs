//! Asking UserInfo ourselves.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ferry_core::decide::Verdict;
use ferry_core::outcome::Unanswered;
use ferry_http::{ClientError, ClientSettings, Fault};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OnceCell;
use url::Url;
use zeroize::Zeroizing;

use crate::discovery::{DiscoveryError, userinfo_url};
use crate::{Issuer, reply};

/// What a [`Probe`] is made from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The legacy provider.
    pub issuer: Issuer,
    /// From a question to its answer, connecting and discovery included.
    pub call_timeout: Duration,
    /// For DNS, TCP and TLS together. Should be well below `call_timeout`.
    pub connect_timeout: Duration,
}

/// The legacy provider's UserInfo endpoint.
pub struct Probe {
    http: reqwest::Client,
    issuer: Issuer,
    call_timeout: Duration,
    userinfo: OnceCell<Url>,
    /// A connection to the provider was made before.
    was_reached: AtomicBool,
}

impl Probe {
    /// Builds the client; connects to nothing yet.
    pub fn new(settings: Settings) -> Result<Self, ClientError> {
        let http = ferry_http::client(ClientSettings {
            https: settings.issuer.is_https(),
            headers: HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]),
            call_timeout: settings.call_timeout,
            connect_timeout: settings.connect_timeout,
        })?;
        Ok(Self {
            http,
            issuer: settings.issuer,
            call_timeout: settings.call_timeout,
            userinfo: OnceCell::new(),
            was_reached: AtomicBool::new(false),
        })
    }

    /// Finds out where UserInfo is, once; [`Probe::ask`] does so too, if nobody has.
    pub async fn discover(&self) -> Result<(), DiscoveryError> {
        self.userinfo_url().await.map(|_| ())
    }

    /// Shows UserInfo a token. One call (and one more for the configuration, the first time).
    ///
    /// Source: `OpenID` Connect Core 1.0, section 5.3; RFC 6750.
    pub async fn ask(&self, access_token: &SecretString) -> Verdict {
        // One question after the other asks for the configuration while nobody answers: those that
        // wait for their turn wait no longer than for an answer.
        tokio::time::timeout(self.call_timeout, self.question(access_token))
            .await
            .unwrap_or_else(|_| self.unreached())
    }

    async fn question(&self, access_token: &SecretString) -> Verdict {
        let Ok(bearer) = bearer(access_token) else {
            return Verdict::Unusable;
        };
        let url = match self.userinfo_url().await {
            Ok(url) => url.clone(),
            Err(error) => {
                tracing::debug!(%error, "UserInfo could not be asked");
                return self.undiscovered(&error);
            }
        };
        let request = self.http.get(url).header(AUTHORIZATION, bearer);
        match request.send().await {
            Ok(response) => {
                self.was_reached.store(true, Ordering::Relaxed);
                reply::read(response).await
            }
            Err(error) => match Fault::of(error) {
                Fault::NotSent { cause } => {
                    tracing::debug!(cause, "no connection to UserInfo");
                    self.unreached()
                }
                Fault::Unanswered(Unanswered::Unreadable) => Verdict::Unusable,
                Fault::Unanswered(_) => Verdict::Down,
            },
        }
    }

    async fn userinfo_url(&self) -> Result<&Url, DiscoveryError> {
        let discovered = self
            .userinfo
            .get_or_try_init(|| userinfo_url(&self.http, &self.issuer, self.call_timeout / 2))
            .await;
        if !matches!(discovered, Err(DiscoveryError::Unreachable { .. })) {
            self.was_reached.store(true, Ordering::Relaxed);
        }
        discovered
    }

    fn undiscovered(&self, error: &DiscoveryError) -> Verdict {
        match error {
            DiscoveryError::Unreachable { .. } => self.unreached(),
            DiscoveryError::Status { status: 429, .. } => Verdict::Busy { retry_after: None },
            error if error.is_passing() => Verdict::Down,
            _ => Verdict::Unusable,
        }
    }

    fn unreached(&self) -> Verdict {
        if self.was_reached.load(Ordering::Relaxed) {
            Verdict::Down
        } else {
            Verdict::Unreachable
        }
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

/// Marked sensitive, so that it does not show in a debug print of headers. The header's own copy
/// cannot be wiped.
fn bearer(token: &SecretString) -> Result<HeaderValue, reqwest::header::InvalidHeaderValue> {
    let text = Zeroizing::new(format!("Bearer {}", token.expose_secret()));
    let mut header = HeaderValue::from_str(&text)?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_sensitive_and_the_probe_shows_no_token() {
        let header = bearer(&"canary".to_owned().into()).unwrap();
        assert_eq!(header, "Bearer canary");
        assert!(header.is_sensitive());
        assert!(bearer(&"two\nlines".to_owned().into()).is_err());
    }
}
