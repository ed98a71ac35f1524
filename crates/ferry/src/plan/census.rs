//! Counting an export, row by row.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;

use ferry_core::Timestamp;
use ferry_core::reason::SkipReason;
use ferry_core::session::{ExportRow, LegacySession, Reject};
use ferry_producer::register::Progress;
use ferry_producer::source::{Export, SourceError};
use secrecy::ExposeSecret;

use super::expiry::ExpiryCounts;
use super::keys::{AsItIs, Digest, Names};
use super::rejects::Rejects;

/// What an export holds.
///
/// Memory: 17 to 26 bytes a row (a digest in the set of sessions, one in the list of people), so
/// some 25 MB for a million rows and 230 MB for ten.
#[derive(Debug)]
pub(crate) struct Census {
    pub(super) rows: u64,
    pub(super) without_token: u64,
    pub(super) rejects: Rejects,
    pub(super) duplicates: u64,
    pub(super) skipped: BTreeMap<SkipReason, u64>,
    pub(super) expiry: ExpiryCounts,
    pub(super) without_subject: u64,
    /// One for each session, until they are told.
    people: Vec<Digest>,
    organizations: Names,
    sessions: Names,
    over: HashMap<Digest, SkipReason, AsItIs>,
}

/// Who the sessions belong to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct People {
    pub(super) count: u64,
    /// The most sessions that one of them has.
    pub(super) largest: u64,
    /// How many have more sessions than the given number.
    pub(super) above: u64,
    /// Their sessions.
    pub(super) sessions_of_those: u64,
}

/// Rows read at once: large enough that nothing is gained by more.
const ROWS_PER_BATCH: usize = 4096;

impl Census {
    /// Reads the export to its end. Blocks.
    pub(crate) fn take(
        mut export: Export,
        now: Timestamp,
        progress: &Progress,
    ) -> Result<Self, SourceError> {
        let mut census = Self::new(now);
        let mut rows = Vec::with_capacity(ROWS_PER_BATCH);
        while export.next_batch(ROWS_PER_BATCH, &mut rows)? > 0 {
            for row in rows.drain(..) {
                match row {
                    ExportRow::Rejected(reject) if export.lacks_token(&reject) => {
                        census.without_token += 1;
                    }
                    row => census.count(row),
                }
            }
            census.rows = export.records_read();
            progress.records.store(census.rows, Ordering::Relaxed);
            let bytes = export.progress().bytes_read();
            progress.bytes.store(bytes, Ordering::Relaxed);
        }
        Ok(census)
    }

    fn new(now: Timestamp) -> Self {
        Self {
            rows: 0,
            without_token: 0,
            rejects: Rejects::default(),
            duplicates: 0,
            skipped: BTreeMap::new(),
            expiry: ExpiryCounts::new(now),
            without_subject: 0,
            people: Vec::new(),
            organizations: Names::default(),
            sessions: Names::default(),
            over: HashMap::default(),
        }
    }

    /// Sessions that could be carried.
    pub(super) fn live(&self) -> u64 {
        self.expiry.known() + self.expiry.unknown
    }

    pub(super) fn organizations(&self) -> u64 {
        self.organizations.len()
    }

    /// Tells who has more than so many sessions, and forgets them.
    pub(super) fn take_people(&mut self, many: u64) -> People {
        let mut people = std::mem::take(&mut self.people);
        people.sort_unstable();
        let mut told = People::default();
        for sessions in people.chunk_by(PartialEq::eq) {
            let sessions = sessions.len() as u64;
            told.count += 1;
            told.largest = told.largest.max(sessions);
            if sessions > many {
                told.above += 1;
                told.sessions_of_those += sessions;
            }
        }
        told
    }

    fn count(&mut self, row: ExportRow) {
        match row {
            ExportRow::Session(session) => self.count_live(&session),
            ExportRow::Skipped(session, reason) => self.count_over(&session, reason),
            ExportRow::Rejected(reject) => self.reject(reject),
        }
    }

    fn reject(&mut self, reject: Reject) {
        self.rejects.add(reject);
    }

    fn count_live(&mut self, session: &LegacySession) {
        let key = key(session);
        if !self.sessions.insert(key) {
            self.duplicates += 1;
            return;
        }
        // A newer token for what an earlier row could not bring: that row counts as the duplicate.
        if let Some(reason) = self.over.remove(&key) {
            self.duplicates += 1;
            *self.skipped.entry(reason).or_default() -= 1;
        }
        let facts = &session.facts;
        self.expiry.add(facts.token_expires_at);
        if facts.subject.is_none() {
            self.without_subject += 1;
        }
        let person = facts.subject.as_deref().or(facts.email.as_deref());
        self.people
            .push(person.map_or(key, |person| Digest::of(&person)));
        self.organizations
            .insert(Digest::of(&session.organization.as_str()));
    }

    fn count_over(&mut self, session: &LegacySession, reason: SkipReason) {
        let key = key(session);
        if self.sessions.contains(key) || self.over.contains_key(&key) {
            self.duplicates += 1;
        } else {
            self.over.insert(key, reason);
            *self.skipped.entry(reason).or_default() += 1;
        }
    }
}

/// What makes a session the same one: as the legacy key, its id together with the organization.
fn key(session: &LegacySession) -> Digest {
    Digest::of(&(
        session.stable_id.expose_secret(),
        session.organization.as_str(),
    ))
}
