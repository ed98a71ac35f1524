//! The rows of an export: what their tokens look like, and whose they are.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;

use anyhow::Result;
use ferry_core::reason::SkipReason;
use ferry_core::session::{ExportRow, LegacySession};
use ferry_producer::register::Progress;
use ferry_producer::source::{Export, TokenForm};
use secrecy::ExposeSecret;

use super::Code;
use super::report::Area;
use super::userinfo::Asked;
use crate::plan::Digest;
use crate::shape::{counted, grouped};

/// What an export holds. Memory: some 30 bytes for each person, in each organization.
#[derive(Debug, Default)]
pub(super) struct Rows {
    total: u64,
    rejected: u64,
    without_token: u64,
    skipped: BTreeMap<SkipReason, u64>,
    live: u64,
    jwt: u64,
    encrypted: Tally,
    other_algorithms: BTreeMap<String, Tally>,
    /// The first tokens of those that could be carried.
    pub(super) tokens: Vec<Asked>,
    keep: usize,
    /// Sessions that name neither an email nor an external id.
    pub(super) nameless: u64,
    /// By the organization's name in the export.
    pub(super) people: HashMap<String, People>,
}

/// People of an organization, each with the first row about them.
pub(super) type People = HashMap<Digest, u64>;

/// How many, and the first row of them.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    count: u64,
    first_row: u64,
}

/// Rows read at once.
const ROWS_PER_BATCH: usize = 4096;
/// Names of algorithms that are told apart.
const MOST_ALGORITHMS: usize = 8;

/// A person by their email, as Stytch compares it.
pub(super) fn by_email(email: &str) -> Digest {
    Digest::of(&("email", email.trim().to_lowercase()))
}

/// A person by the id that the operator gave them.
pub(super) fn by_external_id(id: &str) -> Digest {
    Digest::of(&("external id", id))
}

impl Rows {
    /// Reads the export to its end, and keeps the first so many tokens. Blocks.
    pub(super) fn read(mut export: Export, keep: usize, progress: &Progress) -> Result<Self> {
        let mut read = Self {
            keep,
            ..Self::default()
        };
        let mut rows = Vec::with_capacity(ROWS_PER_BATCH);
        while export.next_batch(ROWS_PER_BATCH, &mut rows)? > 0 {
            for row in rows.drain(..) {
                match row {
                    ExportRow::Rejected(reject) if export.lacks_token(&reject) => {
                        read.without_token += 1;
                    }
                    ExportRow::Rejected(_) => read.rejected += 1,
                    ExportRow::Skipped(_, reason) => *read.skipped.entry(reason).or_default() += 1,
                    ExportRow::Session(session) => read.look_at(*session),
                }
            }
            read.total = export.records_read();
            progress.records.store(read.total, Ordering::Relaxed);
            let bytes = export.progress().bytes_read();
            progress.bytes.store(bytes, Ordering::Relaxed);
        }
        Ok(read)
    }

    fn look_at(&mut self, session: LegacySession) {
        self.live += 1;
        let row = session.source_row;
        match TokenForm::of(session.access_token.expose_secret()) {
            TokenForm::Opaque => {}
            TokenForm::Encrypted => self.encrypted.add(row),
            TokenForm::Jwt(algorithm) => {
                self.jwt += 1;
                self.judge(algorithm.unwrap_or_else(|| "none".to_owned()), row);
            }
        }
        if self.tokens.len() < self.keep {
            self.tokens.push((row, session.access_token.clone()));
        }
        let facts = &session.facts;
        let by_id = facts.external_id.as_deref().map(by_external_id);
        match facts.email.as_deref().map(by_email).or(by_id) {
            None => self.nameless += 1,
            Some(person) => {
                let people = self.people.entry(session.organization).or_default();
                people.entry(person).or_insert(row);
            }
        }
    }

    fn judge(&mut self, algorithm: String, row: u64) {
        let known = self.other_algorithms.len();
        if algorithm != "RS256"
            && (known < MOST_ALGORITHMS || self.other_algorithms.contains_key(&algorithm))
        {
            self.other_algorithms.entry(algorithm).or_default().add(row);
        }
    }

    /// What there is to say of the rows themselves.
    pub(super) fn area(&self) -> Area {
        let opaque = self.live - self.jwt - self.encrypted.count;
        let mut area = Area::new("export").told(format!(
            "{}: {} can be carried; {} JWT, {} opaque",
            counted(self.total, "row"),
            grouped(self.live),
            grouped(self.jwt),
            grouped(opaque)
        ));
        if self.live == 0 {
            area = area.with(
                Code::NothingToCarry,
                "no row is a session that can be carried",
            );
        }
        for (code, count, what) in self.counts() {
            if count > 0 {
                area = area.with(code, format!("{} {what}", counted(count, "row")));
            }
        }
        if self.encrypted.count > 0 {
            area = area.with(
                Code::TokenEncrypted,
                self.encrypted.told("an encrypted token"),
            );
        }
        for (algorithm, tally) in &self.other_algorithms {
            let what = format!("a JWT signed with {algorithm}");
            area = area.with(Code::TokenAlgorithm, tally.told(&what));
        }
        area
    }

    fn counts(&self) -> [(Code, u64, &'static str); 5] {
        let skipped = |reason| self.skipped.get(&reason).copied().unwrap_or(0);
        [
            (Code::RowsRejected, self.rejected, "cannot be used"),
            (Code::TokensMissing, self.without_token, "without a token"),
            (
                Code::TokensOver,
                skipped(SkipReason::Expired),
                "with a token that is over",
            ),
            (
                Code::WrongAudience,
                skipped(SkipReason::WrongAudience),
                "with a JWT that is not for the UserInfo endpoint",
            ),
            (
                Code::MissingScope,
                skipped(SkipReason::MissingScope),
                "with a JWT that lacks a scope",
            ),
        ]
    }
}

impl Tally {
    fn add(&mut self, row: u64) {
        if self.count == 0 {
            self.first_row = row;
        }
        self.count += 1;
    }

    fn told(self, what: &str) -> String {
        format!(
            "{} with {what}, e.g. row {}",
            counted(self.count, "row"),
            self.first_row
        )
    }
}
