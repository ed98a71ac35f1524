//! An opened, empty ledger and what a case does with it.

use std::sync::Arc;
use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::id::{RunId, SessionId};
use ferry_core::session::ExportRow;
use ferry_ledger::claim::{Claim, ClaimTerms, Lease};
use ferry_ledger::due::DueCursor;
use ferry_ledger::record::Finished;
use ferry_ledger::register::Registered;
use ferry_ledger::runs::{Run, RunSource};
use ferry_ledger::{Clock, Ledger, LedgerError};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::backends::{Database, keys};
use crate::clock::TestClock;
use crate::people::Person;
use crate::tables::{SessionRow, Tables};

/// How long each claim holds.
pub(crate) const LEASE: Duration = Duration::from_secs(30);
/// How long the sweeper waits after an attempt of unknown outcome. Not the 30 s that a revival
/// takes by itself, so that the two are told apart.
pub(crate) const QUIET: Duration = Duration::from_secs(45);
/// From the first look to the second.
pub(crate) const SECOND_LOOK: Duration = Duration::from_mins(10);

/// On these terms each claim is made that does not say otherwise.
pub(crate) const TERMS: ClaimTerms = ClaimTerms {
    lease: LEASE,
    quiet: QUIET,
    subject: None,
};

/// An opened, empty ledger, its clock, and a look at its tables.
pub(crate) struct Bench {
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) rng: StdRng,
    pub(crate) tables: Tables,
    pub(crate) database: Database,
}

/// What a run of this name is begun with.
pub(crate) fn source(name: &str) -> RunSource {
    RunSource {
        name: name.to_owned(),
        location: format!("{name}.csv"),
        digest: [7; 32],
    }
}

impl Bench {
    /// A bench on a fresh database, at noon.
    pub(crate) async fn on(database: Database) -> Self {
        let clock = Arc::new(database.clock());
        let ledger = database.open(keys(), Arc::clone(&clock)).await;
        Self {
            ledger: ledger.expect("a fresh database"),
            clock,
            rng: StdRng::seed_from_u64(2),
            tables: database.tables().await,
            database,
        }
    }

    /// By the clock that the ledger goes by.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Begins a run, or finds the one of this name.
    pub(crate) async fn begin(&self, name: &str) -> Result<Run, LedgerError> {
        self.ledger.begin_run(&source(name)).await
    }

    /// Registers a batch, after which all books balance.
    pub(crate) async fn register(
        &mut self,
        run: RunId,
        rows: impl IntoIterator<Item = impl Into<ExportRow>>,
    ) -> Result<Registered, LedgerError> {
        let rows = rows.into_iter().map(Into::into).collect();
        let registered = self.ledger.register(run, rows, &mut self.rng).await?;
        self.assert_books_balance().await?;
        Ok(registered)
    }

    /// A run of which all rows are registered in one batch.
    pub(crate) async fn active_run(
        &mut self,
        name: &str,
        rows: impl IntoIterator<Item = impl Into<ExportRow>>,
    ) -> Result<RunId, LedgerError> {
        let run = self.begin(name).await?.id;
        self.register(run, rows).await?;
        self.ledger.end_registering(run).await?;
        Ok(run)
    }

    /// No row of any run is lost.
    pub(crate) async fn assert_books_balance(&self) -> Result<(), LedgerError> {
        for run in self.ledger.runs().await? {
            let books = self.ledger.books(run.id).await?;
            assert!(books.balance(), "run {}: {books:?}", run.name);
        }
        Ok(())
    }

    /// The person's row, as the tables have it.
    pub(crate) async fn row(&mut self, person: &Person) -> SessionRow {
        let row = self.tables.session(person.key()).await;
        row.expect("the person is registered")
    }

    /// The person's session.
    pub(crate) async fn session(&mut self, person: &Person) -> SessionId {
        self.row(person).await.session
    }

    /// What a claim of this person's session gives.
    pub(crate) async fn claim(&mut self, person: &Person) -> Result<Claim, LedgerError> {
        let session = self.session(person).await;
        let claims = self.ledger.claim(&[session], &TERMS, &mut self.rng).await?;
        let [claim] = <[Claim; 1]>::try_from(claims).expect("one claim for one session");
        Ok(claim)
    }

    /// A lease on this person's session, which nobody holds.
    pub(crate) async fn lease(&mut self, person: &Person) -> Result<Lease, LedgerError> {
        match self.claim(person).await? {
            Claim::Granted(lease) => Ok(*lease),
            other => panic!("not granted: {other:?}"),
        }
    }

    /// Records one end; whether the ledger took it.
    pub(crate) async fn record(&mut self, finished: Finished) -> Result<bool, LedgerError> {
        let session = finished.session;
        let recorded = self.ledger.record(&[finished], &mut self.rng).await?;
        Ok(recorded.contains(&session))
    }

    /// What is due from the head of the run.
    pub(crate) async fn due_from_head(&self, run: RunId) -> Result<Vec<SessionId>, LedgerError> {
        self.due(run, &mut DueCursor::default(), 100).await
    }

    /// What is due behind the cursor.
    pub(crate) async fn due(
        &self,
        run: RunId,
        cursor: &mut DueCursor,
        limit: u32,
    ) -> Result<Vec<SessionId>, LedgerError> {
        let due = self.ledger.due(run, cursor, limit).await?;
        Ok(due.iter().map(|due| due.session).collect())
    }
}
