//! A rate in the configuration.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use ferry_core::budget;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Calls per second, or no limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rate {
    /// So many per second.
    PerSecond(budget::Rate),
    /// As fast as it goes; on loopback only.
    Unlimited,
}

/// "Max 65 requests per second" for bulk scripts: stytch.com/docs, "Migrating user data".
const FOR_BULK_SCRIPTS: f64 = 65.0;

impl Default for Rate {
    fn default() -> Self {
        budget::Rate::per_second(FOR_BULK_SCRIPTS)
            .map(Self::PerSecond)
            .expect("a rate")
    }
}

impl Rate {
    pub(crate) fn per_second(self) -> Option<budget::Rate> {
        match self {
            Self::PerSecond(rate) => Some(rate),
            Self::Unlimited => None,
        }
    }
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        text.parse()
            .ok()
            .and_then(|calls| budget::Rate::per_second(calls).ok())
            .map(Self::PerSecond)
            // Not the text: it may be a secret in the wrong place.
            .ok_or("not a rate: give calls per second, 0.00028 (one in an hour) to 10000, or unlimited")
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self::PerSecond(rate) = self else {
            return serializer.serialize_str("unlimited");
        };
        let calls = rate.as_per_second();
        // As one would write it: 65, not 65.0.
        #[expect(clippy::cast_possible_truncation, reason = "at most 10,000")]
        if calls.fract() == 0.0 {
            serializer.serialize_i64(calls as i64)
        } else {
            serializer.serialize_f64(calls)
        }
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Number(f64),
            Text(String),
            Other(IgnoredAny),
        }
        let text = match Given::deserialize(deserializer)? {
            Given::Number(number) => number.to_string(),
            Given::Text(text) => text,
            Given::Other(_) => String::new(),
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerSecond(rate) => rate.fmt(f),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

impl schemars::JsonSchema for Rate {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "rate".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "rate" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonsense_rate_is_refused() {
        for text in [
            "0", "-1", "0.0001", "10001", "fast", "", "1e9", "NaN", "inf", "65/s",
        ] {
            assert!(text.parse::<Rate>().is_err(), "{text:?}");
        }
        assert_eq!("65".parse(), Ok(Rate::default()));
        assert_eq!("unlimited".parse(), Ok(Rate::Unlimited));
    }

    #[test]
    fn a_fraction_is_a_rate_and_reads_back_as_it_was_written() {
        for text in ["0.5", "12.5", "65", "\"unlimited\""] {
            let rate: Rate = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&rate).unwrap(), text);
        }
    }
}
