//! The client: one HTTP connection pool for one Stytch project.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{RequestBuilder, redirect, retry};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::secret_buffer::SecretBuffer;
use crate::{reply, tls, transport};

/// Which of Stytch's two APIs the project uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Api {
    /// Members in organizations, below `/v1/b2b`.
    #[default]
    B2b,
    /// Users, without organizations, below `/v1`.
    Consumer,
}

/// What a [`Client`] is made from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the API is.
    pub endpoint: Endpoint,
    /// `project-test-…` or `project-live-…`: the user name of HTTP Basic.
    pub project_id: String,
    /// `secret-test-…` or `secret-live-…`: its password.
    pub secret: SecretString,
    /// B2B or Consumer.
    pub api: Api,
    /// From the start of a call to the last byte of its reply, connecting included.
    pub call_timeout: Duration,
    /// For DNS, TCP and TLS together. Should be well below `call_timeout`: a call that ends while
    /// connecting is known to have minted nothing only if this timeout ends it.
    pub connect_timeout: Duration,
}

/// Stytch's slowest documented endpoint (search) takes up to 9 s.
pub const DEFAULT_CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Two lost SYNs (retransmitted after 1 s and 3 s) are survived.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest reply that is read; a migrate reply of an organization with everything set has some
/// 10 KB.
pub(crate) const LONGEST_REPLY_BYTES: usize = 1024 * 1024;

/// As many idle connections are kept as calls may be in flight; above, they are closed after use.
const IDLE_CONNECTIONS: usize = 512;

/// Below the 60 s after which common load balancers drop an idle connection, so that the pool
/// seldom holds one that the server has closed.
const IDLE_CONNECTION_LIFE: Duration = Duration::from_secs(45);

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

/// Stytch's API for one project. Cheap to clone: clones share one connection pool.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    endpoint: Endpoint,
    api: Api,
    migrate_url: Url,
}

impl Settings {
    /// With the default timeouts.
    pub fn new(endpoint: Endpoint, project_id: String, secret: SecretString, api: Api) -> Self {
        Self {
            endpoint,
            project_id,
            secret,
            api,
            call_timeout: DEFAULT_CALL_TIMEOUT,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
        }
    }
}

impl Client {
    /// Builds the client; connects to nothing yet.
    pub fn new(settings: &Settings) -> Result<Self, ClientError> {
        let migrate_path = match settings.api {
            Api::B2b => "/v1/b2b/sessions/migrate",
            Api::Consumer => "/v1/sessions/migrate",
        };
        Ok(Self {
            http: http_client(settings, tls::configuration(&settings.endpoint)?)?,
            endpoint: settings.endpoint.clone(),
            api: settings.api,
            migrate_url: settings.endpoint.url(migrate_path),
        })
    }

    /// Where it calls.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The API it speaks.
    pub fn api(&self) -> Api {
        self.api
    }

    pub(crate) fn migrate_request(&self) -> RequestBuilder {
        self.http.post(self.migrate_url.clone())
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(self.endpoint.url(path))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(self.endpoint.url(path))
    }

    /// Sends, and reads a success's body of at most `longest_bytes`.
    pub(crate) async fn send(
        &self,
        request: RequestBuilder,
        longest_bytes: usize,
    ) -> Result<SecretBuffer, Failure> {
        let response = request.send().await.map_err(transport::failure)?;
        reply::read(response, longest_bytes).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.endpoint)
            .field("api", &self.api)
            .finish_non_exhaustive()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the place where redirects, proxies and retries are switched off and timeouts set"
)]
pub(crate) fn http_client(
    settings: &Settings,
    tls: rustls::ClientConfig,
) -> Result<reqwest::Client, ClientError> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .default_headers(HeaderMap::from_iter([(
            AUTHORIZATION,
            basic_authorization(&settings.project_id, &settings.secret),
        )]))
        .user_agent(concat!("ferry/", env!("CARGO_PKG_VERSION")))
        .http1_only()
        // A redirect would carry the token to a host that nobody checked.
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy()
        // A call may mint a session: only the worker decides whether it is made again.
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

/// Marked sensitive, so that it does not show in a debug print of headers. The header's own copy
/// cannot be wiped: it lives as long as the client, and hyper copies it into each connection's
/// write buffer.
fn basic_authorization(project_id: &str, secret: &SecretString) -> HeaderValue {
    let pair = Zeroizing::new(format!("{project_id}:{}", secret.expose_secret()));
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let mut header = HeaderValue::from_str(&value).expect("base64 is valid in a header");
    header.set_sensitive(true);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authorization_is_http_basic_and_sensitive() {
        let header = basic_authorization("project-test-1", &"secret-test-2".to_owned().into());
        assert_eq!(header, "Basic cHJvamVjdC10ZXN0LTE6c2VjcmV0LXRlc3QtMg==");
        assert!(header.is_sensitive());
    }

    #[test]
    fn a_client_for_stytch_itself_can_be_built() {
        let project_id = "project-test-1".to_owned();
        let endpoint = Endpoint::for_project(&project_id, None).unwrap();
        let secret = "canary-secret".to_owned().into();
        let settings = Settings::new(endpoint, project_id, secret, Api::B2b);
        let client = Client::new(&settings).unwrap();
        assert!(!format!("{client:?} {settings:?}").contains("canary"));
    }
}
