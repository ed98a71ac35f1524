//! `Retry-After`, in both of its forms.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};

/// How long the reply asks to wait (RFC 9110, 10.2.3). A date is measured from the reply's own
/// `Date`, so that the clocks of both sides may differ. Garbage, a date without `Date`, and a date
/// that lies before it are `None`; a large value is kept, its reader decides.
///
/// Stytch documents no `Retry-After`; proxies in front of it may send one.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let wanted = text(headers.get(RETRY_AFTER)?)?;
    if !wanted.is_empty() && wanted.bytes().all(|byte| byte.is_ascii_digit()) {
        // Only too many digits can fail here.
        return Some(Duration::from_secs(wanted.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(wanted).ok()?;
    let sent = httpdate::parse_http_date(text(headers.get(DATE)?)?).ok()?;
    until.duration_since(sent).ok()
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: &str = "Sun, 22 Nov 2026 12:00:00 GMT";

    fn read(retry_after_value: &str, date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after_value.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        retry_after(&headers)
    }

    #[test]
    fn seconds_are_read_as_they_are() {
        for (text, seconds) in [
            ("0", 0),
            (" 7 ", 7),
            ("86400", 86_400),
            ("18446744073709551615", u64::MAX),
            ("99999999999999999999999", u64::MAX),
        ] {
            assert_eq!(
                read(text, None),
                Some(Duration::from_secs(seconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_date_is_measured_from_the_replys_own_date() {
        let later = "Sun, 22 Nov 2026 12:01:30 GMT";
        assert_eq!(read(later, Some(NOON)), Some(Duration::from_secs(90)));
        assert_eq!(read(NOON, Some(NOON)), Some(Duration::ZERO));
        // The two older forms that RFC 9110 makes a recipient accept.
        let rfc_850 = "Sunday, 22-Nov-26 12:00:05 GMT";
        assert_eq!(read(rfc_850, Some(NOON)), Some(Duration::from_secs(5)));
        let asctime = "Sun Nov 22 12:00:06 2026";
        assert_eq!(read(asctime, Some(NOON)), Some(Duration::from_secs(6)));
    }

    #[test]
    fn garbage_is_nothing() {
        for text in ["", "-5", "+5", "1.5", "5s", "soon", "0x10", "1e3"] {
            assert_eq!(read(text, Some(NOON)), None, "{text:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_bytes(b"\xff\xfe").unwrap());
        assert_eq!(retry_after(&headers), None);
    }

    #[test]
    fn a_date_that_cannot_be_measured_or_is_over_is_nothing() {
        assert_eq!(read(NOON, None), None);
        assert_eq!(read(NOON, Some("noon")), None);
        assert_eq!(read(NOON, Some("Sun, 22 Nov 2026 12:00:01 GMT")), None);
    }
}
