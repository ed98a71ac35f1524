//! A length of time in the configuration.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time such as `30s`, `500ms`, `5m` or `1h 30m`; by default so many milliseconds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period<const DEFAULT_MILLISECONDS: u64>(Duration);

impl<const D: u64> Period<D> {
    pub(crate) fn get(self) -> Duration {
        self.0
    }
}

impl<const D: u64> From<Duration> for Period<D> {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl<const D: u64> Default for Period<D> {
    fn default() -> Self {
        Self(Duration::from_millis(D))
    }
}

impl<const D: u64> fmt::Display for Period<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let duration = SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX);
        write!(f, "{duration:#}")
    }
}

impl<const D: u64> fmt::Debug for Period<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const D: u64> Serialize for Period<D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const D: u64> Deserialize<'de> for Period<D> {
    fn deserialize<T: Deserializer<'de>>(deserializer: T) -> Result<Self, T::Error> {
        let text = String::deserialize(deserializer);
        text.ok()
            .and_then(|text| text.parse::<SignedDuration>().ok())
            .and_then(|duration| Duration::try_from(duration).ok())
            .map(Self)
            // Not the text: it may be a secret in the wrong place.
            .ok_or_else(|| {
                serde::de::Error::custom(
                    "not a length of time: write \"500ms\", \"30s\", \"5m\" or \"1h 30m\"",
                )
            })
    }
}

impl<const D: u64> schemars::JsonSchema for Period<D> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "duration" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_reads_back_what_it_shows() {
        for (text, milliseconds) in [("500ms", 500), ("30s", 30_000), ("1h 30m", 5_400_000)] {
            let json = format!("{text:?}");
            let period: Period<0> = serde_json::from_str(&json).unwrap();
            assert_eq!(period.get(), Duration::from_millis(milliseconds));
            assert_eq!(serde_json::to_string(&period).unwrap(), json);
        }
    }

    #[test]
    fn a_number_without_a_unit_is_refused() {
        for text in ["\"30\"", "\"-5s\"", "\"soon\"", "30"] {
            assert!(serde_json::from_str::<Period<0>>(text).is_err(), "{text}");
        }
    }
}
