//! Where Stytch's API is, and which addresses Ferry is willing to send secrets to.

use std::fmt::{self, Write};

use ferry_http::is_loopback;
use serde::Serialize;
use url::{Host, Url};

/// A Stytch project belongs to one of two environments; neither knows the other's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// `project-test-…`
    Test,
    /// `project-live-…`
    Live,
}

/// The address of Stytch's API for one project: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Without a trailing slash.
    origin: String,
    environment: Environment,
    is_loopback: bool,
    is_https: bool,
}

/// The project id or the base URL cannot be used. No variant repeats what a URL may hide (a
/// password, a token in its query).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Neither a test nor a live project.
    #[error(
        "the project id begins neither with `project-test-` nor with `project-live-`: copy it from the Stytch Dashboard under API keys"
    )]
    UnknownProject,
    /// Not a URL.
    #[error("stytch.base_url is not a URL: give it like https://test.stytch.com")]
    NotAUrl,
    /// Neither http nor https.
    #[error("stytch.base_url has the scheme `{0}`: give it with https://")]
    Scheme(String),
    /// Plain http beyond this machine.
    #[error(
        "stytch.base_url is plain http to `{0}`, and the tokens would be readable on the way: give it with https:// (http is for loopback only)"
    )]
    PlainHttp(String),
    /// A user name or a password in the URL.
    #[error(
        "stytch.base_url holds a user name or a password: leave them out, the credentials are stytch.project_id and stytch.secret"
    )]
    UserInfo,
    /// A path, which the API does not have.
    #[error(
        "stytch.base_url has a path: give scheme, host and port only, Stytch's API begins at the root"
    )]
    Path,
    /// A query or a fragment.
    #[error("stytch.base_url has a query or a fragment: give scheme, host and port only")]
    Query,
    /// A test project with a live host, or the other way round.
    #[error(
        "`{host}` serves {} projects, but the project id is of a {} project: mend stytch.base_url or stytch.project_id",
        .environment.other(),
        .environment
    )]
    OtherEnvironment {
        /// The URL's host.
        host: String,
        /// The project's.
        environment: Environment,
    },
}

impl Endpoint {
    /// The address for a project: Stytch's own by the project's environment, or `base_url`.
    ///
    /// A configured URL is accepted on loopback (http or https: `127.0.0.0/8`, `::1`, `localhost`)
    /// and as https elsewhere: Stytch gives each project a domain below `customers.stytch.dev`
    /// (test) or `customers.stytch.com` (live), and allows a domain of one's own as a CNAME to it.
    ///
    /// Source: Stytch's SDKs (live if the id begins with `project-live-`) and its guide "Custom
    /// domains".
    pub fn for_project(project_id: &str, base_url: Option<&str>) -> Result<Self, EndpointError> {
        let environment = Environment::of_project(project_id)?;
        let url = base_url.unwrap_or(environment.base_url());
        let url = Url::parse(url.trim()).map_err(|_| EndpointError::NotAUrl)?;
        refuse_extras(&url)?;
        let host = url.host().ok_or(EndpointError::NotAUrl)?;
        let is_loopback = is_loopback(&host);
        let is_https = url.scheme() == "https";
        if !is_https && !is_loopback {
            return Err(EndpointError::PlainHttp(host.to_string()));
        }
        refuse_other_environment(&host, environment)?;
        Ok(Self {
            origin: url.origin().ascii_serialization(),
            environment,
            is_loopback,
            is_https,
        })
    }

    /// The address is this machine's own: a simulator, never Stytch.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// The project's environment.
    pub fn environment(&self) -> Environment {
        self.environment
    }

    pub(crate) fn is_https(&self) -> bool {
        self.is_https
    }

    /// The URL of a path that begins with a slash and is encoded where needed
    /// ([`encoded_segment`]).
    pub(crate) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("{}{path}", self.origin))
            .expect("an origin that was parsed, and a path of ASCII without blanks")
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

impl Environment {
    fn of_project(project_id: &str) -> Result<Self, EndpointError> {
        if project_id.starts_with("project-test-") {
            Ok(Self::Test)
        } else if project_id.starts_with("project-live-") {
            Ok(Self::Live)
        } else {
            Err(EndpointError::UnknownProject)
        }
    }

    fn base_url(self) -> &'static str {
        match self {
            Self::Test => "https://test.stytch.com",
            Self::Live => "https://api.stytch.com",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Test => Self::Live,
            Self::Live => Self::Test,
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Test => "test",
            Self::Live => "live",
        })
    }
}

/// A path segment with everything but RFC 3986's unreserved characters encoded, so that an
/// external id such as `auth0|…` or `a/b` stays one segment. `None` for what a URL cannot hold as
/// a segment: nothing, `.` and `..` (they would name another address).
pub(crate) fn encoded_segment(text: &str) -> Option<String> {
    if matches!(text, "" | "." | "..") {
        return None;
    }
    let mut encoded = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => write!(encoded, "%{byte:02X}").expect("a String takes all"),
        }
    }
    Some(encoded)
}

fn refuse_extras(url: &Url) -> Result<(), EndpointError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(EndpointError::Scheme(url.scheme().to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(EndpointError::UserInfo);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(EndpointError::Query);
    }
    if url.path() != "/" {
        return Err(EndpointError::Path);
    }
    Ok(())
}

fn refuse_other_environment(
    host: &Host<&str>,
    environment: Environment,
) -> Result<(), EndpointError> {
    let Host::Domain(name) = host else {
        return Ok(());
    };
    let serves = match *name {
        "test.stytch.com" => Environment::Test,
        "api.stytch.com" => Environment::Live,
        name if name.ends_with(".customers.stytch.dev") => Environment::Test,
        name if name.ends_with(".customers.stytch.com") => Environment::Live,
        _ => return Ok(()),
    };
    if serves == environment {
        return Ok(());
    }
    Err(EndpointError::OtherEnvironment {
        host: (*name).to_owned(),
        environment,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: &str = "project-test-11111111-1111-4111-8111-111111111111";
    const LIVE: &str = "project-live-11111111-1111-4111-8111-111111111111";

    #[test]
    fn the_project_id_chooses_the_environment_and_its_host() {
        let test = Endpoint::for_project(TEST, None).unwrap();
        assert_eq!(test.to_string(), "https://test.stytch.com");
        assert_eq!(test.environment(), Environment::Test);
        let live = Endpoint::for_project(LIVE, None).unwrap();
        assert_eq!(live.to_string(), "https://api.stytch.com");
        assert_eq!(live.environment(), Environment::Live);
        assert!(!live.is_loopback());
        let neither = Endpoint::for_project("project-11", None);
        assert_eq!(neither, Err(EndpointError::UnknownProject));
    }

    #[test]
    fn loopback_is_accepted_by_http_and_https() {
        for url in [
            "http://127.0.0.1:8080",
            "http://127.9.9.9",
            "http://[::1]:8080/",
            "https://localhost:8443",
            "http://LOCALHOST",
        ] {
            let endpoint = Endpoint::for_project(TEST, Some(url)).unwrap();
            assert!(endpoint.is_loopback(), "{url}");
        }
    }

    #[test]
    fn plain_http_beyond_loopback_is_refused() {
        for url in [
            "http://test.stytch.com",
            "http://10.0.0.1",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://0.0.0.0:80",
            "http://[::ffff:10.0.0.1]",
        ] {
            let refused = Endpoint::for_project(TEST, Some(url));
            assert!(
                matches!(refused, Err(EndpointError::PlainHttp(_))),
                "{url} {refused:?}"
            );
        }
    }

    #[test]
    fn a_domain_of_ones_own_is_accepted_by_https() {
        for url in [
            "https://login.example.com",
            "https://acme.customers.stytch.dev",
        ] {
            let endpoint = Endpoint::for_project(TEST, Some(url)).unwrap();
            assert_eq!(endpoint.to_string(), url);
            assert!(!endpoint.is_loopback());
        }
    }

    #[test]
    fn a_host_of_the_other_environment_is_refused() {
        for (project, url) in [
            (TEST, "https://api.stytch.com"),
            (TEST, "https://acme.customers.stytch.com"),
            (LIVE, "https://test.stytch.com"),
            (LIVE, "https://acme.customers.stytch.dev"),
        ] {
            let refused = Endpoint::for_project(project, Some(url)).unwrap_err();
            assert!(
                matches!(refused, EndpointError::OtherEnvironment { .. }),
                "{url}"
            );
        }
        let refused = Endpoint::for_project(LIVE, Some("https://test.stytch.com")).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "`test.stytch.com` serves test projects, but the project id is of a live project: mend stytch.base_url or stytch.project_id"
        );
    }

    #[test]
    fn user_info_query_and_path_are_refused_without_being_repeated() {
        for (url, error) in [
            (
                "https://me:canary@login.example.com",
                EndpointError::UserInfo,
            ),
            ("https://canary@login.example.com", EndpointError::UserInfo),
            (
                "https://login.example.com/?key=canary",
                EndpointError::Query,
            ),
            ("https://login.example.com/#canary", EndpointError::Query),
            ("https://login.example.com/canary/", EndpointError::Path),
            ("http://127.0.0.1:80/v1", EndpointError::Path),
            (
                "ftp://login.example.com",
                EndpointError::Scheme("ftp".into()),
            ),
            ("login.example.com canary", EndpointError::NotAUrl),
        ] {
            assert_eq!(
                Endpoint::for_project(TEST, Some(url)),
                Err(error.clone()),
                "{url}"
            );
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
    }

    #[test]
    fn a_segment_keeps_its_meaning_in_a_path() {
        assert_eq!(
            encoded_segment("auth0|a/b c%").as_deref(),
            Some("auth0%7Ca%2Fb%20c%25")
        );
        assert_eq!(encoded_segment("acme-1.x_~").as_deref(), Some("acme-1.x_~"));
        assert_eq!(encoded_segment("ü?#").as_deref(), Some("%C3%BC%3F%23"));
        for other_address in ["", ".", ".."] {
            assert_eq!(encoded_segment(other_address), None);
        }
    }
}
