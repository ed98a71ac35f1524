//! A rate in the configuration.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Calls per second, or no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rate {
    /// So many per second.
    PerSecond(NonZeroU32),
    /// As fast as it goes; on loopback only.
    Unlimited,
}

/// "Max 65 requests per second" for bulk scripts: stytch.com/docs, "Migrating user data".
const DEFAULT: NonZeroU32 = NonZeroU32::new(65).expect("not zero");
const HIGHEST: u32 = 10_000;

impl Default for Rate {
    fn default() -> Self {
        Self::PerSecond(DEFAULT)
    }
}

impl Rate {
    pub(crate) fn per_second(self) -> Option<NonZeroU32> {
        match self {
            Self::PerSecond(rate) => Some(rate),
            Self::Unlimited => None,
        }
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        text.parse::<u32>()
            .ok()
            .filter(|rate| *rate <= HIGHEST)
            .and_then(NonZeroU32::new)
            .map(Self::PerSecond)
            // Not the text: it may be a secret in the wrong place.
            .ok_or_else(|| format!("not a rate: give 1 to {HIGHEST}, or unlimited"))
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

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::PerSecond(rate) => serializer.serialize_u32(rate.get()),
            Self::Unlimited => serializer.serialize_str("unlimited"),
        }
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Number(i64),
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
        for text in ["0", "-1", "65.5", "10001", "fast", "", "1e9"] {
            assert!(text.parse::<Rate>().is_err(), "{text:?}");
        }
        assert_eq!("65".parse(), Ok(Rate::default()));
        assert_eq!("unlimited".parse(), Ok(Rate::Unlimited));
    }
}
