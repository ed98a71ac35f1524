//! Whose turn it is, of one person's sessions: the legacy provider lets each person be asked about
//! only so often.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::budget::{Moment, SubjectBudget, SubjectLimit};
use ferry_core::session::SessionFacts;
use sha2::{Digest, Sha256};

use crate::clock::rounded_up;
use crate::database::{Change, either};
use crate::{Ledger, LedgerError};

/// Tells a person from others: the first half of a SHA-256.
pub(crate) type SubjectKey = [u8; 16];

/// A person's key, `full_at`, `promised_until`.
pub(crate) type StoredSubject = (Vec<u8>, i64, i64);

/// The person's key: of the user at the legacy provider, else of the email. `None`: nobody knows who
/// it is, so nothing holds the session back.
pub(crate) fn subject_key(subject: Option<&str>, email: Option<&str>) -> Option<SubjectKey> {
    let known = |text: &&str| !text.trim().is_empty();
    let digest = match (subject.filter(known), email.filter(known)) {
        (Some(subject), _) => Sha256::digest(subject),
        (None, Some(email)) => Sha256::digest(email.trim().to_lowercase()),
        (None, None) => return None,
    };
    digest.first_chunk().copied()
}

impl Ledger {
    /// Takes a turn for one more call about the person of a session. `None`: it is now, or nobody
    /// knows who it is; else so long to wait.
    pub async fn turn_of(
        &self,
        facts: &SessionFacts,
        limit: SubjectLimit,
    ) -> Result<Option<Duration>, LedgerError> {
        let person = subject_key(facts.subject.as_deref(), facts.email.as_deref());
        let Some(person) = person else {
            return Ok(None);
        };
        let mut change = self.write().await?;
        let session = 0;
        let later = change.take_turns(std::iter::once((session, person)), limit);
        let later = later.await?;
        change.commit().await?;
        Ok(later.get(&session).map(|at| at.since(self.now())))
    }

    /// Forgets persons of whom all of the burst may be spent again. To be called once a minute, by
    /// whoever sweeps. Returns how many.
    pub async fn forget_idle_subjects(&self) -> Result<u64, LedgerError> {
        either!(&self.database, database => database.forget_idle_subjects().await)
    }
}

impl Change {
    /// Takes turns for sessions, the most urgent first, and returns when those come back whose
    /// turn is not now. Each person is asked for once.
    pub(crate) async fn take_turns(
        &mut self,
        sessions: impl Iterator<Item = (i64, SubjectKey)>,
        limit: SubjectLimit,
    ) -> Result<HashMap<i64, Timestamp>, LedgerError> {
        let mut people: BTreeMap<SubjectKey, Vec<i64>> = BTreeMap::new();
        for (session, person) in sessions {
            people.entry(person).or_default().push(session);
        }
        let mut later = HashMap::new();
        if people.is_empty() {
            return Ok(later);
        }
        let keys: Vec<_> = people.keys().map(|key| &key[..]).collect();
        let (now, rows) = either!(self, change => change.lock_subjects(&keys).await?);
        let known: HashMap<_, _> = rows.iter().map(read).collect();
        let mut rows = Vec::with_capacity(people.len());
        for (person, sessions) in &people {
            let mut budget = known.get(&person[..]).copied().unwrap_or_default();
            later.extend(turns(&mut budget, sessions, limit, now));
            let (full_at, promised_until) = (budget.full_at, budget.promised_until);
            rows.push((person, full_at.as_micros(), promised_until.as_micros()));
        }
        either!(self, change => change.write_subjects(&rows).await?);
        Ok(later)
    }
}

/// Those of one person's sessions whose turn is not now, and when they come back.
fn turns(
    budget: &mut SubjectBudget,
    sessions: &[i64],
    limit: SubjectLimit,
    now: Moment,
) -> impl Iterator<Item = (i64, Timestamp)> {
    let count = u32::try_from(sessions.len()).unwrap_or(u32::MAX);
    let count = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
    let turns = budget.take(limit, count, now);
    let waits = sessions.iter().zip(turns.waits());
    waits
        .skip(turns.now as usize)
        .map(move |(session, wait)| (*session, rounded_up(now.plus(wait))))
}

fn read((person, full_at, promised_until): &StoredSubject) -> (&[u8], SubjectBudget) {
    let budget = SubjectBudget {
        full_at: Moment::from_micros(*full_at),
        promised_until: Moment::from_micros(*promised_until),
    };
    (person, budget)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_told_by_the_legacy_providers_name_else_by_the_email() {
        let alice = subject_key(Some("auth0|alice"), Some("alice@example.com"));
        assert_eq!(alice, subject_key(Some("auth0|alice"), None));
        assert_ne!(alice, subject_key(None, Some("alice@example.com")));
        assert_ne!(alice, subject_key(Some("auth0|Alice"), None));
        let by_email = subject_key(None, Some("alice@example.com"));
        assert_eq!(by_email, subject_key(Some(""), Some(" Alice@Example.com ")));
    }

    #[test]
    fn who_is_known_by_nothing_has_no_key() {
        assert_eq!(subject_key(None, None), None);
        assert_eq!(subject_key(Some(" "), Some("")), None);
    }
}
