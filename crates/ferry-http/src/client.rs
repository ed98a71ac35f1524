//! The one HTTP client.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{redirect, retry};

use crate::{tls, transport};

/// What a client is made from.
#[derive(Debug)]
pub struct ClientSettings {
    /// It calls by TLS. Without it no root certificates are needed.
    pub https: bool,
    /// Sent with each request. Mark secrets in it as sensitive.
    pub headers: HeaderMap,
    /// From the start of a call to the last byte of its reply, connecting included.
    pub call_timeout: Duration,
    /// For DNS, TCP and TLS together.
    pub connect_timeout: Duration,
}

/// The client could not be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No TLS.
    #[error(
        "TLS could not be set up ({0}): install the operating system's root certificates (package ca-certificates), or name a bundle in SSL_CERT_FILE"
    )]
    Tls(#[source] rustls::Error),
    /// The HTTP library refused its settings.
    #[error("the HTTP client could not be built ({0}): this is a fault in Ferry, please report it")]
    Http(String),
}

/// As many idle connections are kept as calls may be in flight; above, they are closed after use.
const IDLE_CONNECTIONS: usize = 512;

/// Below the 60 s after which common load balancers drop an idle connection, so that the pool
/// seldom holds one that the server has closed.
const IDLE_CONNECTION_LIFE: Duration = Duration::from_secs(45);

/// Builds a client; connects to nothing yet.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the place where redirects, proxies and retries are switched off and timeouts set"
)]
pub fn client(settings: ClientSettings) -> Result<reqwest::Client, ClientError> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls::configuration(settings.https)?)
        .default_headers(settings.headers)
        .user_agent(concat!("ferry/", env!("CARGO_PKG_VERSION")))
        .http1_only()
        // A redirect would carry the token to a host that nobody checked.
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy()
        // A call may have an effect: only the caller decides whether it is made again.
        .retry(retry::never())
        .timeout(settings.call_timeout)
        .connect_timeout(settings.connect_timeout)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .pool_idle_timeout(IDLE_CONNECTION_LIFE)
        .tcp_nodelay(true)
        // It would log each header and body at TRACE.
        .connection_verbose(false)
        .build()
        .map_err(|error| ClientError::Http(transport::chain(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_with_tls_can_be_built() {
        let settings = ClientSettings {
            https: true,
            headers: HeaderMap::new(),
            call_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
        };
        client(settings).unwrap();
    }
}
