//! Who the legacy provider is, and which addresses tokens may be sent to.

use std::fmt;
use std::str::FromStr;

use ferry_http::is_loopback;
use url::Url;

/// The legacy provider, by the address that it calls itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Without a slash at its end.
    url: String,
    is_https: bool,
}

/// The address cannot be an issuer's. No variant repeats what a URL may hide.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// Not a URL of the web.
    #[error("legacy.issuer is not a URL: give it like https://tenant.auth0.com/")]
    NotAUrl,
    /// Plain http beyond this machine.
    #[error(
        "legacy.issuer is not https://, and the tokens would be readable on the way (http is for loopback only)"
    )]
    PlainHttp,
    /// A password, a query or a fragment.
    #[error(
        "legacy.issuer has a user name, a query or a fragment: give scheme, host and path only, as the provider's tokens name it in `iss`"
    )]
    Extras,
}

impl FromStr for Issuer {
    type Err = IssuerError;

    fn from_str(text: &str) -> Result<Self, IssuerError> {
        let url = Url::parse(text.trim()).map_err(|_| IssuerError::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(IssuerError::NotAUrl);
        }
        let has_extras = has_user(&url) || url.query().is_some() || url.fragment().is_some();
        if has_extras {
            return Err(IssuerError::Extras);
        }
        if !is_private(&url) {
            return Err(IssuerError::PlainHttp);
        }
        Ok(Self {
            is_https: url.scheme() == "https",
            url: without_slash(url.as_str()).to_owned(),
        })
    }
}

impl Issuer {
    /// It is called by TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.is_https
    }

    /// Where its configuration is. Source: `OpenID` Connect Discovery 1.0, section 4.
    pub(crate) fn configuration_url(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.url)
    }

    /// Whether a configuration that names this issuer is its own. A slash at the end makes no
    /// difference: Auth0 writes one, and people leave it out.
    pub(crate) fn is(&self, named: &str) -> bool {
        self.url == without_slash(named)
    }

    /// An address that its configuration names, if tokens may be sent there: by TLS like the
    /// configuration itself, or from loopback to loopback.
    pub(crate) fn endpoint(&self, text: &str) -> Option<Url> {
        let url = Url::parse(text).ok()?;
        let is_as_private = (url.scheme() == "https") == self.is_https && is_private(&url);
        (is_as_private && !has_user(&url) && url.fragment().is_none()).then_some(url)
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

fn without_slash(url: &str) -> &str {
    url.strip_suffix('/').unwrap_or(url)
}

fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// What is sent there can be read by nobody on the way.
fn is_private(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.host().is_some(),
        "http" => url.host().is_some_and(|host| is_loopback(&host)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(text: &str) -> Issuer {
        text.parse().unwrap()
    }

    #[test]
    fn a_slash_at_the_end_makes_no_difference() {
        for text in ["https://acme.auth0.com/", "https://acme.auth0.com"] {
            let issuer = issuer(text);
            assert_eq!(
                issuer.configuration_url(),
                "https://acme.auth0.com/.well-known/openid-configuration"
            );
            assert!(issuer.is("https://acme.auth0.com/"));
            assert!(issuer.is("https://acme.auth0.com"));
            assert!(!issuer.is("https://acme.eu.auth0.com/"));
        }
        let with_a_path = issuer("https://login.example/realms/acme/");
        assert!(with_a_path.is("https://login.example/realms/acme"));
        assert!(!with_a_path.is("https://login.example/"));
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        assert!("http://127.0.0.1:8080/oidc".parse::<Issuer>().is_ok());
        for text in ["http://acme.auth0.com/", "http://10.0.0.1/"] {
            assert_eq!(text.parse::<Issuer>(), Err(IssuerError::PlainHttp));
        }
    }

    #[test]
    fn what_is_no_issuer_is_refused_without_being_repeated() {
        for (text, error) in [
            ("", IssuerError::NotAUrl),
            ("acme.auth0.com", IssuerError::NotAUrl),
            ("file:///etc/passwd", IssuerError::NotAUrl),
            ("https://user:canary@acme.auth0.com/", IssuerError::Extras),
            ("https://acme.auth0.com/?token=canary", IssuerError::Extras),
        ] {
            assert_eq!(text.parse::<Issuer>(), Err(error.clone()), "{text}");
            assert!(!error.to_string().contains("canary"));
        }
    }

    #[test]
    fn a_token_goes_nowhere_less_private_than_the_issuer() {
        let auth0 = issuer("https://acme.auth0.com/");
        assert!(auth0.endpoint("https://acme.auth0.com/userinfo").is_some());
        assert!(auth0.endpoint("https://elsewhere.example/me").is_some());
        for text in [
            "http://acme.auth0.com/userinfo",
            "http://127.0.0.1/userinfo",
            "https://user@acme.auth0.com/userinfo",
            "ftp://acme.auth0.com/userinfo",
            "/userinfo",
        ] {
            assert_eq!(auth0.endpoint(text), None, "{text}");
        }
        let local = issuer("http://localhost:1/");
        assert!(local.endpoint("http://127.0.0.1:2/userinfo").is_some());
        assert_eq!(local.endpoint("http://acme.auth0.com/userinfo"), None);
    }
}
