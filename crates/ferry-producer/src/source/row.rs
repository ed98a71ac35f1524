//! From a record to a session, or to the reason why it is none.

use std::borrow::Cow;
use std::str::FromStr as _;
use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::reason::SkipReason;
use ferry_core::session::{ExportRow, LegacySession, Reject, SessionClock, SessionFacts};
use secrecy::SecretString;

use super::claims::Claims;
use super::columns::Role;
use super::jwt::{Jwt, JwtReader};
use super::layout::Layout;
use super::rules::Rules;
use super::value::{Record, shown_if_plain, shown_name};

/// Makes rows of records.
pub(super) struct RowReader {
    layout: Layout,
    rules: Rules,
    now: Timestamp,
    jwt: JwtReader,
    claims: Claims,
}

/// Where a record stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Its number, from 1.
    pub(super) row: u64,
    /// The line on which it begins, from 1.
    pub(super) line: u64,
}

/// What is wrong with a record, and in which column.
struct Fault {
    slot: Option<usize>,
    reason: Cow<'static, str>,
}

/// Longest access token, in bytes: proxies refuse longer headers (nginx from 8 KiB on).
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Why a row without a value that every session needs is rejected.
pub(super) const MISSING: &str = "is missing or empty: every session needs one";

pub(super) const NO_END_REMEDY: &str = "map session_expires_at (or absolute_expires_at, or idle_timeout with last_active_at), or set sessions.default_lifetime";

/// Whether a session's end follows from what is given.
pub(super) fn ends_somehow(is_given: impl Fn(Role) -> bool) -> bool {
    is_given(Role::SessionExpiresAt)
        || is_given(Role::AbsoluteExpiresAt)
        || (is_given(Role::IdleTimeout) && is_given(Role::LastActiveAt))
}

impl RowReader {
    pub(super) fn new(layout: Layout, rules: Rules, now: Timestamp) -> Self {
        let claims = Claims::new(&layout);
        Self {
            layout,
            rules,
            now,
            jwt: JwtReader::new(),
            claims,
        }
    }

    /// Whether the row was rejected because it has no access token.
    pub(super) fn lacks_token(&self, reject: &Reject) -> bool {
        let slot = self.layout.slot_of(Role::AccessToken);
        let column = slot.map(|slot| shown_name(&self.layout.columns()[slot]));
        reject.reason == MISSING && reject.column == column
    }

    /// The row that `record` is.
    pub(super) fn row(&mut self, place: Place, record: &impl Record) -> ExportRow {
        self.session(place, record).unwrap_or_else(|fault| {
            let column = fault
                .slot
                .map(|slot| shown_name(&self.layout.columns()[slot]));
            ExportRow::Rejected(Reject {
                row: place.row,
                line: place.line,
                column,
                reason: fault.reason.into_owned(),
            })
        })
    }

    fn session(&mut self, place: Place, record: &impl Record) -> Result<ExportRow, Fault> {
        let fields = Fields {
            layout: &self.layout,
            record,
        };
        let token = fields.token()?;
        let organization = if self.rules.consumer {
            Cow::default()
        } else {
            fields.needed(Role::Organization)?
        };
        let stable_id = if self.rules.key_from_token {
            SecretString::from(token.as_ref())
        } else {
            SecretString::from(fields.needed(Role::SessionId)?.as_ref())
        };
        let clock = fields.clock()?;
        if clock.ends_at().is_none() && self.rules.default_lifetime.is_none() {
            let reason = format!("the row gives no end of the session: {NO_END_REMEDY}");
            return Err(Fault {
                slot: fields.slot_of_end(),
                reason: reason.into(),
            });
        }
        let custom_claims = self.claims.of(record).map_err(|(slot, reason)| Fault {
            slot: Some(slot),
            reason: reason.into(),
        })?;
        let jwt = self.jwt.read(&token, &self.rules).unwrap_or_default();
        let facts = fields.facts(&jwt, clock)?;
        let skip = skip_reason(&facts, &jwt, self.now);
        let session = Box::new(LegacySession {
            source_row: place.row,
            access_token: SecretString::from(token.as_ref()),
            organization: organization.into_owned(),
            stable_id,
            facts,
            custom_claims,
        });
        Ok(match skip {
            Some(reason) => ExportRow::Skipped(session, reason),
            None => ExportRow::Session(session),
        })
    }
}

/// The session's own end first: who has left needs no fresh token.
fn skip_reason(facts: &SessionFacts, jwt: &Jwt<'_>, now: Timestamp) -> Option<SkipReason> {
    if facts.clock.ends_at().is_some_and(|end| end <= now) {
        Some(SkipReason::SessionOver)
    } else if facts.token_expires_at <= now {
        Some(SkipReason::Expired)
    } else if jwt.wrong_audience {
        Some(SkipReason::WrongAudience)
    } else if jwt.missing_scope {
        Some(SkipReason::MissingScope)
    } else {
        None
    }
}

/// The columns of one record, by what they are for.
struct Fields<'a, R> {
    layout: &'a Layout,
    record: &'a R,
}

impl<'a, R: Record> Fields<'a, R> {
    fn optional(&self, role: Role) -> Result<Option<Cow<'a, str>>, Fault> {
        let Some(slot) = self.layout.slot_of(role) else {
            return Ok(None);
        };
        let Some(value) = self
            .record
            .value(slot)
            .map_err(|flaw| Fault::at(slot, flaw.reason()))?
        else {
            return Ok(None);
        };
        // A token has a bound of its own.
        let text = match role {
            Role::AccessToken => value.into_text(),
            _ => value.into_short_text(),
        };
        text.map_err(|flaw| Fault::at(slot, flaw.reason()))
    }

    fn needed(&self, role: Role) -> Result<Cow<'a, str>, Fault> {
        self.optional(role)?.ok_or_else(|| Fault {
            slot: self.layout.slot_of(role),
            reason: MISSING.into(),
        })
    }

    fn token(&self) -> Result<Cow<'a, str>, Fault> {
        let token = self.needed(Role::AccessToken)?;
        // Without an early end, so that it is done many bytes at a time.
        let is_graphic = token
            .bytes()
            .fold(true, |all, byte| all & byte.is_ascii_graphic());
        let reason = if token.len() > MAX_TOKEN_BYTES {
            "is longer than 16 KiB: no access token is"
        } else if token.starts_with("Bearer ") {
            "begins with \"Bearer\": give the token alone"
        } else if !is_graphic {
            "holds a space or a character that no access token has"
        } else {
            return Ok(token);
        };
        Err(Fault {
            slot: self.layout.slot_of(Role::AccessToken),
            reason: reason.into(),
        })
    }

    fn clock(&self) -> Result<SessionClock, Fault> {
        Ok(SessionClock {
            session_expires_at: self.moment(Role::SessionExpiresAt)?,
            idle_timeout: self.duration(Role::IdleTimeout)?,
            last_active_at: self.moment(Role::LastActiveAt)?,
            absolute_expires_at: self.moment(Role::AbsoluteExpiresAt)?,
        })
    }

    /// The column where an end was to be expected.
    fn slot_of_end(&self) -> Option<usize> {
        [
            Role::SessionExpiresAt,
            Role::AbsoluteExpiresAt,
            Role::IdleTimeout,
        ]
        .into_iter()
        .find_map(|role| self.layout.slot_of(role))
    }

    fn facts(&self, jwt: &Jwt<'_>, clock: SessionClock) -> Result<SessionFacts, Fault> {
        let column_or = |role, claim: &Option<Cow<'_, str>>| {
            let column = self.optional(role)?.map(Cow::into_owned);
            Ok(column.or_else(|| claim.as_deref().map(str::to_owned)))
        };
        let column_end = self.moment(Role::TokenExpiresAt)?;
        let token_end = column_end.into_iter().chain(jwt.expires_at).min();
        Ok(SessionFacts {
            subject: column_or(Role::Subject, &jwt.subject)?,
            email: column_or(Role::Email, &jwt.email)?,
            name: self.optional(Role::Name)?.map(Cow::into_owned),
            external_id: self.optional(Role::ExternalId)?.map(Cow::into_owned),
            token_expires_at: token_end.unwrap_or(Timestamp::NEVER),
            clock,
        })
    }

    fn moment(&self, role: Role) -> Result<Option<Timestamp>, Fault> {
        let Some(text) = self.optional(role)? else {
            return Ok(None);
        };
        match parse_moment(&text) {
            Ok(moment) => Ok(Some(moment)),
            Err(why) => Err(self.misfit(role, &format!("is {why}"), &text)),
        }
    }

    fn duration(&self, role: Role) -> Result<Option<Duration>, Fault> {
        let Some(text) = self.optional(role)? else {
            return Ok(None);
        };
        parse_duration(&text).map(Some).ok_or_else(|| {
            let wanted = "is not a duration above zero: give whole seconds, or 30m, 8h, PT8H";
            self.misfit(role, wanted, &text)
        })
    }

    fn misfit(&self, role: Role, wanted: &str, value: &str) -> Fault {
        let reason = format!("{wanted}{}", shown_if_plain(value));
        Fault {
            slot: self.layout.slot_of(role),
            reason: reason.into(),
        }
    }
}

impl Fault {
    fn at(slot: usize, reason: &'static str) -> Self {
        Self {
            slot: Some(slot),
            reason: reason.into(),
        }
    }
}

/// As [`Timestamp::parse`]; of Unix seconds with a fraction (Python's `time.time()`), the whole
/// ones.
fn parse_moment(text: &str) -> Result<Timestamp, ferry_core::timestamp::NotATime> {
    Timestamp::parse(text).or_else(|fault| match text.split_once('.') {
        Some((seconds, fraction))
            if !seconds.is_empty()
                && (seconds.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit()) =>
        {
            Timestamp::parse(seconds)
        }
        _ => Err(fault),
    })
}

/// Seconds, or ISO 8601 or the friendly form, with days of 24 hours.
fn parse_duration(text: &str) -> Option<Duration> {
    let duration = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => jiff::Span::from_str(text)
            .ok()?
            .to_duration(jiff::SpanRelativeTo::days_are_24_hours())
            .ok()?
            .try_into()
            .ok()?,
    };
    (!duration.is_zero()).then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds_or_iso_or_friendly() {
        let hours = |hours| Some(Duration::from_hours(hours));
        for text in ["28800", "8h", "8 hours", "PT8H"] {
            assert_eq!(parse_duration(text), hours(8), "{text}");
        }
        assert_eq!(parse_duration("7 days"), hours(7 * 24));
        for text in ["0", "-1", "-8h", "1 month", "soon", "1e3"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn fractions_of_a_second_are_dropped() {
        let noon = Ok(Timestamp::from_seconds(1_767_268_800));
        assert_eq!(parse_moment("1767268800.75"), noon);
        assert_eq!(parse_moment("2026-01-01T12:00:00Z"), noon);
        assert!(parse_moment(".5").is_err());
        assert!(parse_moment("1.2.3").is_err());
    }
}
