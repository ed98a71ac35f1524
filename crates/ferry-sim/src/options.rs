//! How the simulator is set up.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use jiff::Timestamp;

use crate::error::Error;
use crate::faults::Faults;
use crate::population::Population;

/// How the simulator is set up. The default is a faithful Stytch with a thousand people, without
/// faults, on a free port.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens: loopback only, port 0 for a free one.
    pub address: SocketAddr,
    /// Who exists.
    pub population: Population,
    /// What goes wrong at the start.
    pub faults: Faults,
    /// Who may call.
    pub credentials: Credentials,
    /// Whether UserInfo is answered in process and one session JWT, signed once, is given to all.
    /// For benchmarks: a signature costs about a millisecond, a call of UserInfo about a tenth.
    pub fast: bool,
    /// How many times as fast as the wall's clock the simulator's runs: sessions and tokens expire
    /// by it. Rates per second are counted by the wall's clock.
    pub time_scale: f64,
    /// What the simulator's clock shows at the start; the wall's time if `None`.
    pub now: Option<Timestamp>,
    /// The longest session that the project allows, in minutes: 5 to 527040 (366 days).
    pub session_cap_minutes: u32,
    /// Where migrate asks for the person: `http://` on loopback; the simulator's own provider if
    /// `None`.
    pub userinfo_url: Option<String>,
    /// How the legacy provider treats refresh tokens.
    pub refresh: Refresh,
}

/// How the legacy provider treats refresh tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// A refresh token stays usable.
    Reusable,
    /// Each use gives a new one. The use of an old one revokes the whole family, except of the
    /// immediately previous one within so many seconds.
    Rotating {
        /// Auth0's "rotation overlap period".
        overlap_seconds: u32,
    },
}

/// Stytch's name and password for a project.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `project-test-` and a UUID.
    pub project_id: String,
    /// `secret-test-` and 44 characters.
    pub secret: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            population: Population::default(),
            faults: Faults::default(),
            credentials: Credentials::default(),
            fast: false,
            time_scale: 1.0,
            now: None,
            session_cap_minutes: LONGEST_SESSION_MINUTES,
            userinfo_url: None,
            refresh: Refresh::Rotating { overlap_seconds: 0 },
        }
    }
}

impl Default for Credentials {
    /// The same on every machine, and good for a simulator only.
    fn default() -> Self {
        Self {
            project_id: "project-test-00000000-0000-4000-8000-0000000051e0".to_owned(),
            secret: "secret-test-simulator-simulator-simulator-simulator12345".to_owned(),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("project_id", &self.project_id)
            .finish_non_exhaustive()
    }
}

impl Options {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !(0.001..=100_000.0).contains(&self.time_scale) {
            return Err(Error::TimeScale(self.time_scale));
        }
        if !(SHORTEST_SESSION_MINUTES..=LONGEST_SESSION_MINUTES).contains(&self.session_cap_minutes)
        {
            return Err(Error::SessionCap(self.session_cap_minutes));
        }
        if !self.credentials.project_id.starts_with("project-test-") {
            return Err(Error::ProjectId(self.credentials.project_id.clone()));
        }
        if let Some(url) = &self.userinfo_url {
            check_loopback(url)?;
        }
        Ok(())
    }
}

fn check_loopback(url: &str) -> Result<(), Error> {
    let host = url
        .parse::<axum::http::Uri>()
        .ok()
        .filter(|uri| uri.scheme_str() == Some("http"));
    let host = host.as_ref().and_then(axum::http::Uri::host);
    match host {
        Some("127.0.0.1" | "localhost" | "[::1]") => Ok(()),
        _ => Err(Error::UserinfoNotLoopback(url.to_owned())),
    }
}

/// Stytch's limits of `session_duration_minutes`: five minutes to 366 days.
pub(crate) const SHORTEST_SESSION_MINUTES: u32 = 5;
pub(crate) const LONGEST_SESSION_MINUTES: u32 = 527_040;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_userinfo_url_on_loopback_is_taken() {
        for url in [
            "http://127.0.0.1:80/userinfo",
            "http://localhost/x",
            "http://[::1]:9/",
        ] {
            assert!(check_loopback(url).is_ok(), "{url}");
        }
        for url in [
            "https://127.0.0.1/",
            "http://example.com/",
            "http://127.0.0.1.evil.example/",
            "x",
        ] {
            assert!(check_loopback(url).is_err(), "{url}");
        }
    }

    #[test]
    fn the_secret_is_not_shown() {
        let shown = format!("{:?}", Options::default());
        assert!(!shown.contains("simulator-simulator"));
    }
}
