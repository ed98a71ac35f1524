//! What only a server lets several do at once: to register, to claim, to record, to look.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use ferry_core::id::{Fence, SessionId};
use ferry_core::session::ExportRow;
use ferry_ledger::claim::{Claim, Lease};
use ferry_ledger::due::DueCursor;
use ferry_ledger::record::Finished;
use ferry_ledger::runs::Run;
use ferry_ledger::{Clock, Ledger, LedgerError};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::task::JoinSet;

use crate::backends::{keys, postgres};
use crate::bench::{Bench, TERMS, source};
use crate::clock::noon_plus;
use crate::ends::{halted, migrated, retried};
use crate::people::{Person, a_crowd, alice_active};
use crate::server::Server;

pub(crate) const CROWD: u64 = 60;
pub(crate) const PROCESSES: u64 = 5;

/// One more process that works on the bench's ledger.
pub(crate) async fn another(bench: &Bench) -> Result<Ledger, LedgerError> {
    let mut settings = bench.database.server().settings();
    settings.connections = 2;
    Ledger::connect(settings, keys()).await
}

#[tokio::test]
async fn an_empty_database_is_made_a_ledger_by_many_at_once() -> Result<(), LedgerError> {
    let server = Server::empty().await;
    let mut processes = JoinSet::new();
    for _ in 0..PROCESSES {
        processes.spawn(Ledger::connect(server.settings(), keys()));
    }
    for ledger in processes.join_all().await {
        ledger?.begin_run(&source("spring")).await?;
    }
    let ledger = Ledger::connect(server.settings(), keys()).await?;
    assert_eq!(ledger.runs().await?.len(), 1);
    Ok(())
}

/// A worker that claims whatever is left in batches of its own order, and now and then records an
/// end for the second time, until nothing is left.
struct Worker {
    ledger: Ledger,
    sessions: Vec<SessionId>,
    rng: StdRng,
    granted: Vec<(SessionId, Fence)>,
    ended: Vec<Lease>,
}

impl Worker {
    async fn work(mut self) -> Result<Vec<(SessionId, Fence)>, LedgerError> {
        while !self.sessions.is_empty() {
            self.sessions.shuffle(&mut self.rng);
            let batch = self.sessions.len().min(20);
            let batch = self.sessions[..batch].to_vec();
            let claims = self.ledger.claim(&batch, &TERMS, &mut self.rng);
            let mut leases = Vec::new();
            for (session, claim) in batch.iter().zip(claims.await?) {
                match claim {
                    Claim::Granted(lease) => leases.push(*lease),
                    Claim::Finished => self.sessions.retain(|open| open != session),
                    Claim::HeldElsewhere => {}
                    other => panic!("{other:?}"),
                }
            }
            self.record(leases).await?;
        }
        Ok(self.granted)
    }

    async fn record(&mut self, leases: Vec<Lease>) -> Result<(), LedgerError> {
        let end = |lease, rng: &mut StdRng| match rng.random_range(0..3) {
            0 => retried(lease, Duration::ZERO),
            1 => halted(lease),
            _ => migrated(lease),
        };
        let mut ends: Vec<Finished> = leases.iter().map(|l| end(l, &mut self.rng)).collect();
        let first = ends.len();
        self.ended.shuffle(&mut self.rng);
        let again = self.ended.iter().filter(|old| {
            let open = |lease: &Lease| lease.session != old.session;
            leases.iter().all(open)
        });
        ends.extend(again.take(5).map(migrated));
        let recorded = self.ledger.record(&ends, &mut self.rng).await?;
        for lease in &leases {
            assert!(recorded.contains(&lease.session), "nobody else holds it");
        }
        assert!(first <= ends.len());
        self.granted
            .extend(leases.iter().map(|l| (l.session, l.fence)));
        self.ended.extend(leases);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_workers_on_the_same_sessions_get_each_fence_once() -> Result<(), LedgerError> {
    let mut bench = postgres().await;
    let run = bench.active_run("spring", a_crowd(CROWD)).await?;
    let sessions = bench.due_from_head(run).await?;
    let mut workers = JoinSet::new();
    for seed in 0..PROCESSES {
        let worker = Worker {
            ledger: another(&bench).await?,
            sessions: sessions.clone(),
            rng: StdRng::seed_from_u64(seed),
            granted: Vec::new(),
            ended: Vec::new(),
        };
        workers.spawn(worker.work());
    }
    let mut granted = Vec::new();
    for worker in workers.join_all().await {
        granted.extend(worker?);
    }
    let distinct: HashSet<_> = granted.iter().collect();
    assert_eq!(distinct.len(), granted.len(), "no fence is given twice");
    let claims = bench
        .tables
        .number("SELECT SUM(fence)::bigint FROM sessions");
    assert_eq!(claims.await.unsigned_abs(), granted.len() as u64);
    assert_eq!(bench.ledger.books(run).await?.migrated, CROWD);
    bench.assert_books_balance().await
}

/// Takes the rows in, two batches of five in a commit, as one of several: from wherever the export
/// has got to.
async fn register(ledger: Ledger, run: &'static str, rows: Vec<Person>) -> Result<(), LedgerError> {
    let mut rng = StdRng::seed_from_u64(1);
    loop {
        let run = ledger.begin_run(&source(run)).await?;
        let read = usize::try_from(run.rows_read).expect("few");
        if read == rows.len() {
            return ledger.end_registering(run.id).await;
        }
        let taken = take_in(&ledger, &run, &rows[read..], &mut rng).await;
        if !matches!(taken, Err(LedgerError::RegisteringElsewhere { .. })) {
            taken?;
        }
    }
}

async fn take_in(
    ledger: &Ledger,
    run: &Run,
    rows: &[Person],
    rng: &mut StdRng,
) -> Result<(), LedgerError> {
    let mut read = run.rows_read;
    for commit in rows.chunks(10) {
        let mut registration = ledger.begin_registration(run.id, read).await?;
        for batch in commit.chunks(5) {
            let batch = batch.iter().cloned().map(ExportRow::from).collect();
            registration.add(batch, rng).await?;
        }
        read = registration.commit().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_many_register_at_once_is_taken_in_once() -> Result<(), LedgerError> {
    let bench = postgres().await;
    let run = bench.begin("spring").await?.id;
    let mut registrars = JoinSet::new();
    for _ in 0..PROCESSES {
        let rows = a_crowd(CROWD).collect();
        registrars.spawn(register(another(&bench).await?, "spring", rows));
    }
    for registrar in registrars.join_all().await {
        registrar?;
    }
    let books = bench.ledger.books(run).await?;
    assert_eq!(
        (books.exported, books.queued, books.duplicates),
        (CROWD, CROWD, 0)
    );
    bench.assert_books_balance().await
}

#[tokio::test]
async fn who_comes_later_than_another_registrar_is_told() -> Result<(), LedgerError> {
    let bench = postgres().await;
    let run = bench.begin("spring").await?.id;
    let mut rng = StdRng::seed_from_u64(1);
    let row = vec![ExportRow::from(alice_active())];
    another(&bench).await?.register(run, row, &mut rng).await?;
    let refused = bench.ledger.begin_registration(run, 0).await.err();
    let refused = refused.expect("the export is further");
    assert!(
        matches!(refused, LedgerError::RegisteringElsewhere { .. }),
        "{refused:?}"
    );
    assert!(refused.is_passing());
    Ok(())
}

/// Looks at the books until it is told to end.
async fn look(ledger: Ledger, stop: oneshot::Receiver<()>) -> Result<(), LedgerError> {
    let mut stop = stop;
    while stop.try_recv() == Err(TryRecvError::Empty) {
        for run in ledger.runs().await? {
            let books = ledger.books(run.id).await?;
            assert!(books.balance(), "run {}: {books:?}", run.name);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn newer_tokens_come_while_the_sessions_are_called() -> Result<(), LedgerError> {
    let mut bench = postgres().await;
    let spring = bench.active_run("spring", a_crowd(CROWD)).await?;
    let sessions = bench.due_from_head(spring).await?;
    let (stop, stopped) = oneshot::channel();
    let looker = tokio::spawn(look(another(&bench).await?, stopped));
    let mut registrars = JoinSet::new();
    for (run, minutes) in [("summer", 90), ("autumn", 120)] {
        let mut rows: Vec<_> = a_crowd(CROWD).map(|p| p.with_token_for(minutes)).collect();
        // Against the order of the ids.
        rows.reverse();
        registrars.spawn(register(another(&bench).await?, run, rows));
    }
    let mut workers = JoinSet::new();
    for seed in 0..2 {
        let (ledger, mut sessions) = (another(&bench).await?, sessions.clone());
        let mut rng = StdRng::seed_from_u64(seed);
        workers.spawn(async move {
            let mut carried = HashSet::new();
            sessions.shuffle(&mut rng);
            for batch in sessions.chunks(7) {
                let claims = ledger.claim(batch, &TERMS, &mut rng).await?;
                let leases = claims.into_iter().filter_map(|claim| match claim {
                    Claim::Granted(lease) => Some(migrated(&lease)),
                    _ => None,
                });
                let ends: Vec<_> = leases.collect();
                carried.extend(ledger.record(&ends, &mut rng).await?);
            }
            Ok::<_, LedgerError>(carried)
        });
    }
    for registrar in registrars.join_all().await {
        registrar?;
    }
    let mut carried = HashSet::new();
    for worker in workers.join_all().await {
        carried.extend(worker?);
    }
    drop(stop);
    looker.await.expect("it does not panic")?;
    let migrated = bench.tables.sessions().await;
    let migrated = migrated.iter().filter(|row| row.mapped_to.is_some());
    let migrated: HashSet<_> = migrated.map(|row| row.session).collect();
    assert_eq!(migrated, carried, "what is carried stays so");
    bench.assert_books_balance().await
}

#[tokio::test]
async fn no_index_has_a_column_that_claims_and_results_change() {
    let mut bench = postgres().await;
    let indexed = bench.tables.number(
        "SELECT COUNT(*) FROM pg_index AS i
         JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
         WHERE i.indrelid = 'sessions'::regclass AND a.attname IN ('state', 'reason', 'error_type',
             'fence', 'attempt_id', 'lease_until', 'attempts_spent', 'unknown_outcomes')",
    );
    assert_eq!(indexed.await, 0);
}

/// What follows needs the pages to be cleaned of old versions first, which PostgreSQL puts off when
/// others are at work, even in another database.
#[tokio::test]
async fn each_page_has_room_for_a_claim_of_all_its_rows() -> Result<(), LedgerError> {
    const ROWS: u64 = 1000;
    let mut bench = postgres().await;
    let run = bench.active_run("spring", a_crowd(ROWS)).await?;
    let due = bench.due(run, &mut DueCursor::default(), 10_000).await?;
    for batch in due.chunks(128) {
        let rng = &mut bench.rng;
        bench.ledger.claim(batch, &TERMS, rng).await?;
    }
    // A connection tells what it did when it ends, if not sooner.
    bench.ledger.close().await;
    let updates = "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'sessions'";
    while bench.tables.number(updates).await.unsigned_abs() < ROWS {
        tokio::task::yield_now().await;
    }
    let others = bench.tables.number(
        "SELECT n_tup_upd - n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'sessions'",
    );
    assert_eq!(others.await, 0, "of them touch an index");
    Ok(())
}

#[tokio::test]
async fn now_is_the_servers_time_as_of_the_last_claim() -> Result<(), LedgerError> {
    let mut bench = postgres().await;
    bench.active_run("spring", [alice_active()]).await?;
    bench.clock.set(noon_plus(20));
    let asked = Instant::now();
    bench.lease(&alice_active()).await?;
    let now = bench.ledger.now();
    assert!(
        now >= bench.clock.now(),
        "a lease is no longer than it looks"
    );
    assert!(now.since(bench.clock.now()) <= asked.elapsed());
    Ok(())
}

#[tokio::test]
async fn no_index_has_a_column_that_asks_and_turns_change() {
    let mut bench = postgres().await;
    let indexed = bench.tables.number(
        "SELECT COUNT(*) FROM pg_index AS i
         JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
         WHERE i.indrelid IN ('budgets'::regclass, 'subject_budgets'::regclass)
             AND a.attname NOT IN ('name', 'subject')",
    );
    assert_eq!(indexed.await, 0);
}
