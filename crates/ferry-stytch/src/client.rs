//! The client: one HTTP connection pool for one Stytch project.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ferry_http::{ClientError, ClientSettings, Fault, SecretBuffer};
use reqwest::RequestBuilder;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::reply;

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
            http: http_client(settings)?,
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
        let response = request.send().await.map_err(Fault::of)?;
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

fn http_client(settings: &Settings) -> Result<reqwest::Client, ClientError> {
    ferry_http::client(ClientSettings {
        https: settings.endpoint.is_https(),
        headers: HeaderMap::from_iter([(
            AUTHORIZATION,
            basic_authorization(&settings.project_id, &settings.secret),
        )]),
        call_timeout: settings.call_timeout,
        connect_timeout: settings.connect_timeout,
    })
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
