//! The forms in which a server says when to come back.

use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::clock::Millis;

/// What a 429 says in `Retry-After`. Stytch documents no such header, so each form must be expected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// No header.
    #[default]
    Absent,
    /// A number of seconds.
    Seconds(u32),
    /// An HTTP date so many seconds ahead of the wall clock.
    HttpDate(u32),
    /// Words that are neither.
    Garbage,
    /// A day, which nobody should wait for.
    Huge,
}

impl RetryAfter {
    pub(crate) fn header(self, wall: Millis) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Seconds(seconds) => Some(seconds.to_string()),
            Self::HttpDate(seconds) => {
                let wall = Duration::from_millis(u64::try_from(wall).unwrap_or(0));
                let at = UNIX_EPOCH + wall + Duration::from_secs(seconds.into());
                Some(httpdate::fmt_http_date(at))
            }
            Self::Garbage => Some("in a while, crocodile".to_owned()),
            Self::Huge => Some("86400".to_owned()),
        }
    }
}
