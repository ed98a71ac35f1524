//! A legacy session as the export gives it, and its two clocks.

use std::time::Duration;

use secrecy::SecretString;

use crate::Timestamp;
use crate::reason::SkipReason;

/// One row of an export, read and checked.
#[derive(Debug, Clone)]
pub struct LegacySession {
    /// Its record in the export: 1 is the first one after the header.
    pub source_row: u64,
    /// What Stytch shows to the UserInfo endpoint.
    pub access_token: SecretString,
    /// The organization, by whatever name Stytch knows it (id, slug or external id); empty for the
    /// Consumer API.
    pub organization: String,
    /// The stable id of the legacy session. With the organization it makes the legacy key.
    pub stable_id: SecretString,
    /// Who it is, and until when.
    pub facts: SessionFacts,
    /// Columns to carry as custom claims: a JSON object, or `None`.
    pub custom_claims: Option<String>,
}

/// What one record of an export turned out to be.
#[derive(Debug, Clone)]
pub enum ExportRow {
    /// A session to be carried.
    Session(Box<LegacySession>),
    /// A session that cannot be carried, known without a call.
    Skipped(Box<LegacySession>, SkipReason),
    /// A record that is not a session.
    Rejected(Reject),
}

/// A record that could not be used. Never holds a value of the record that could be a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The record's number: 1 is the first one after the header.
    pub row: u64,
    /// The line on which it begins, from 1.
    pub line: u64,
    /// The column at fault, as the export names it.
    pub column: Option<String>,
    /// What is wrong, and what would be right.
    pub reason: String,
}

/// What is known of the person and of the two clocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFacts {
    /// The user at the legacy provider (a JWT's `sub`).
    pub subject: Option<String>,
    /// The user's email.
    pub email: Option<String>,
    /// The user's full name.
    pub name: Option<String>,
    /// The id under which the member is known at Stytch from the operator's side.
    pub external_id: Option<String>,
    /// Until when the call can be made; [`Timestamp::NEVER`] if nobody knows.
    pub token_expires_at: Timestamp,
    /// How long the user may stay.
    pub clock: SessionClock,
}

/// How long the user may stay signed in: the session's own clock, never guessed from the token's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SessionClock {
    /// The end as the source gives it.
    pub session_expires_at: Option<Timestamp>,
    /// The session ends so long after its last use.
    pub idle_timeout: Option<Duration>,
    /// The last use.
    pub last_active_at: Option<Timestamp>,
    /// No use extends the session beyond this.
    pub absolute_expires_at: Option<Timestamp>,
}

/// What is granted when a row says nothing of the session's end, and the bounds on a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantPolicy {
    /// The lifetime of a session whose row gives no end. `None`: each row must give one.
    pub default_lifetime: Option<Duration>,
    /// The project's own maximum, in minutes.
    pub cap_minutes: u32,
}

/// Stytch accepts a `session_duration_minutes` from 5 …
pub const SHORTEST_GRANT_MINUTES: u32 = 5;
/// … to 527,040 (366 days). Source: Stytch's API reference, "Migrate session".
pub const LONGEST_GRANT_MINUTES: u32 = 527_040;

impl SessionClock {
    /// When the legacy session ends, as far as the row tells.
    pub fn ends_at(&self) -> Option<Timestamp> {
        let idle = self
            .last_active_at
            .zip(self.idle_timeout)
            .map(|(last_active_at, timeout)| last_active_at.plus(timeout));
        [self.session_expires_at, idle, self.absolute_expires_at]
            .into_iter()
            .flatten()
            .min()
    }
}

impl GrantPolicy {
    /// The minutes to ask Stytch for: what is left of the legacy session, rounded down, within
    /// Stytch's bounds and the project's cap. `None`: the legacy session is over.
    pub fn minutes(&self, clock: &SessionClock, now: Timestamp) -> Option<u32> {
        let left = match clock.ends_at() {
            Some(end) if end <= now => return None,
            Some(end) => end.since(now),
            None => self.default_lifetime.unwrap_or_default(),
        };
        let minutes = u32::try_from(left.as_secs() / 60).unwrap_or(u32::MAX);
        let longest = LONGEST_GRANT_MINUTES
            .min(self.cap_minutes)
            .max(SHORTEST_GRANT_MINUTES);
        Some(minutes.clamp(SHORTEST_GRANT_MINUTES, longest))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: GrantPolicy = GrantPolicy {
        default_lifetime: None,
        cap_minutes: LONGEST_GRANT_MINUTES,
    };
    const NOON: Timestamp = Timestamp::from_seconds(1_767_268_800);

    fn ends_in(seconds: u64) -> SessionClock {
        SessionClock {
            session_expires_at: Some(NOON.plus(Duration::from_secs(seconds))),
            ..SessionClock::default()
        }
    }

    #[test]
    fn what_is_left_is_granted_rounded_down() {
        assert_eq!(POLICY.minutes(&ends_in(3600), NOON), Some(60));
        assert_eq!(POLICY.minutes(&ends_in(3659), NOON), Some(60));
    }

    #[test]
    fn a_session_that_is_over_gets_nothing() {
        assert_eq!(POLICY.minutes(&ends_in(0), NOON), None);
    }

    #[test]
    fn the_absolute_end_bounds_the_idle_one() {
        let clock = SessionClock {
            last_active_at: Some(NOON),
            idle_timeout: Some(Duration::from_hours(2)),
            absolute_expires_at: Some(NOON.plus(Duration::from_mins(30))),
            ..SessionClock::default()
        };
        assert_eq!(POLICY.minutes(&clock, NOON), Some(30));
    }

    #[test]
    fn the_projects_cap_holds() {
        let policy = GrantPolicy {
            cap_minutes: 60,
            ..POLICY
        };
        assert_eq!(policy.minutes(&ends_in(1_000_000), NOON), Some(60));
    }

    proptest! {
        #[test]
        fn a_grant_is_within_stytchs_bounds(left in 1_u64..u64::from(u32::MAX), cap in any::<u32>()) {
            let policy = GrantPolicy { cap_minutes: cap, ..POLICY };
            let minutes = policy.minutes(&ends_in(left), NOON).expect("not over");
            prop_assert!((SHORTEST_GRANT_MINUTES..=LONGEST_GRANT_MINUTES).contains(&minutes));
            prop_assert!(u64::from(minutes) <= (left / 60).max(u64::from(SHORTEST_GRANT_MINUTES)));
        }
    }
}
