//! How long a busy provider asks to wait.

use std::time::{Duration, UNIX_EPOCH};

use ferry_http::retry_after;
use reqwest::header::{DATE, HeaderMap};

/// By `Retry-After`, or by Auth0's `x-ratelimit-reset`: the Unix second at which the next call is
/// free, measured from the reply's own `Date`.
///
/// Source: Auth0's docs, "Rate limit policy", HTTP response headers.
pub(crate) fn asked_for(headers: &HeaderMap) -> Option<Duration> {
    retry_after(headers).or_else(|| until_reset(headers))
}

fn until_reset(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let seconds = text("x-ratelimit-reset")?.parse().ok()?;
    let reset = UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    let sent = httpdate::parse_http_date(text(DATE.as_str())?).ok()?;
    reset.duration_since(sent).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noon of 2026-11-22.
    const NOON: &str = "Sun, 22 Nov 2026 12:00:00 GMT";

    fn asked(pairs: &[(&'static str, &str)]) -> Option<Duration> {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        asked_for(&pairs.collect())
    }

    #[test]
    fn auth0s_reset_is_measured_from_the_replys_own_date() {
        let reset = ("x-ratelimit-reset", "1795348812");
        assert_eq!(
            asked(&[("date", NOON), reset]),
            Some(Duration::from_secs(12))
        );
        assert_eq!(asked(&[reset]), None);
        assert_eq!(
            asked(&[("date", NOON), reset, ("retry-after", "7")]),
            Some(Duration::from_secs(7))
        );
    }

    #[test]
    fn what_is_over_or_no_number_is_nothing() {
        for value in ["1795348799", "soon", "-1", "99999999999999999999"] {
            let headers = [("date", NOON), ("x-ratelimit-reset", value)];
            assert_eq!(asked(&headers), None, "{value}");
        }
    }
}
