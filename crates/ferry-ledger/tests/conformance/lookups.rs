//! What is looked up, proved, drawn and wiped once a run is over.

use ferry_core::reason::DeadReason;
use ferry_core::state::{MappingState, SessionState};
use ferry_ledger::LedgerError;
use ferry_ledger::purge::{Purged, Retention};
use ferry_ledger::timeline::Series;
use ferry_ledger::verify::MappingBooks;

use crate::bench::Bench;
use crate::clock::noon_plus;
use crate::ends::{migrated, minted_id};
use crate::people::{alice_active, carol_active, dave_in_a_hurry};

on_every_backend![
    a_session_is_known_by_its_key_wherever_it_stands,
    a_stytch_session_leads_back_to_its_legacy_key,
    mappings_of_a_run_are_its_own,
    each_migrated_session_has_one_mapping,
    a_timeline_holds_each_end_once,
    only_what_is_past_its_retention_is_wiped,
];

async fn a_session_is_known_by_its_key_wherever_it_stands(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    bench
        .active_run("spring", [alice_active(), carol_active()])
        .await?;
    let session = bench
        .bury(&carol_active(), DeadReason::MemberMissing)
        .await?;
    let standing = bench.ledger.standing(carol_active().key()).await?;
    let standing = standing.expect("she is in the export");
    assert_eq!(standing.session, session);
    assert_eq!(standing.run, "spring");
    assert_eq!(standing.source_row, carol_active().session.source_row);
    assert_eq!(standing.state, SessionState::Dead);
    assert_eq!(standing.reason.as_deref(), Some("member_missing"));
    let standing = bench.ledger.standing(alice_active().key()).await?;
    assert_eq!(
        standing.map(|s| (s.state, s.reason)),
        Some((SessionState::Queued, None))
    );
    let nobody = bench.ledger.standing(dave_in_a_hurry().key()).await?;
    assert_eq!(nobody, None);
    assert!(bench.ledger.mapping(carol_active().key()).await?.is_none());
    Ok(())
}

async fn a_stytch_session_leads_back_to_its_legacy_key(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    bench
        .active_run("spring", [alice_active(), carol_active()])
        .await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(migrated(&lease)).await?;
    let ids = [minted_id(&lease), "nobody's".to_owned()];
    let found = bench.ledger.mappings_to(&ids).await?;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].legacy_key, alice_active().key());
    assert_eq!(found[0].source_row, alice_active().session.source_row);
    assert!(bench.ledger.mappings_to(&[]).await?.is_empty());
    Ok(())
}

async fn mappings_of_a_run_are_its_own(bench: &mut Bench) -> Result<(), LedgerError> {
    let mut runs = Vec::new();
    for (name, person) in [("spring", alice_active()), ("summer", carol_active())] {
        runs.push(bench.active_run(name, [person.clone()]).await?);
        let lease = bench.lease(&person).await?;
        bench.record(migrated(&lease)).await?;
    }
    for (run, person) in runs.iter().zip([alice_active(), carol_active()]) {
        let page = bench.ledger.mappings_of(Some(*run), None, 10).await?;
        let keys: Vec<_> = page.iter().map(|mapping| mapping.legacy_key).collect();
        assert_eq!(keys, [person.key()]);
        assert_eq!(page[0].run, *run);
    }
    assert_eq!(bench.ledger.mappings_of(None, None, 10).await?.len(), 2);
    Ok(())
}

async fn each_migrated_session_has_one_mapping(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench
        .active_run("spring", [alice_active(), carol_active()])
        .await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(migrated(&lease)).await?;
    let books = bench.ledger.mapping_books(run).await?;
    let one = MappingBooks {
        migrated: 1,
        mappings: 1,
        in_force: 1,
        ..MappingBooks::default()
    };
    assert_eq!(books, one);
    assert!(books.fit());
    // It ends 24 hours after noon.
    bench.clock.set(noon_plus(24 * 60));
    let over = bench.ledger.mapping_books(run).await?;
    assert_eq!(over, MappingBooks { in_force: 0, ..one });
    Ok(())
}

async fn a_timeline_holds_each_end_once(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench
        .active_run(
            "spring",
            [alice_active(), carol_active(), dave_in_a_hurry()],
        )
        .await?;
    assert_eq!(bench.ledger.extent(run, Series::Carried).await?, None);
    let lease = bench.lease(&dave_in_a_hurry()).await?;
    bench.record(migrated(&lease)).await?;
    bench.clock.set(noon_plus(4));
    bench
        .bury(&carol_active(), DeadReason::MemberMissing)
        .await?;
    bench.clock.set(noon_plus(8));
    let lease = bench.lease(&alice_active()).await?;
    bench.record(migrated(&lease)).await?;
    let (first, last) = bench
        .ledger
        .extent(run, Series::Carried)
        .await?
        .expect("two");
    assert!(last.since(first).as_secs() >= 7 * 60, "{first} {last}");
    let counts = async |series| {
        let timeline = bench.ledger.timeline(run, series, (first, last), 4).await?;
        assert_eq!(timeline.from, first);
        Ok::<_, LedgerError>(timeline.counts)
    };
    assert_eq!(counts(Series::Carried).await?, [1, 0, 0, 1]);
    assert_eq!(counts(Series::Failed).await?.iter().sum::<u64>(), 1);
    let ends = bench.ledger.extent(run, Series::Ends).await?.expect("two");
    let ends = bench.ledger.timeline(run, Series::Ends, ends, 1).await?;
    assert_eq!(ends.counts, [2]);
    Ok(())
}

async fn only_what_is_past_its_retention_is_wiped(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench
        .active_run("spring", [alice_active(), carol_active()])
        .await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(migrated(&lease)).await?;
    bench
        .bury(&carol_active(), DeadReason::MemberMissing)
        .await?;
    let nothing = Retention {
        died_before: noon_plus(0),
        ended_before: noon_plus(24 * 60),
    };
    assert_eq!(bench.ledger.purgeable(&nothing).await?, Purged::default());
    assert_eq!(bench.ledger.purge(&nothing).await?, Purged::default());
    assert!(bench.row(&carol_active()).await.has_token);

    let all = Retention {
        died_before: noon_plus(60),
        ended_before: noon_plus(24 * 60 + 1),
    };
    let one = Purged {
        tokens: 1,
        mappings: 1,
    };
    assert_eq!(bench.ledger.purgeable(&all).await?, one);
    assert_eq!(bench.ledger.purge(&all).await?, one);
    assert_eq!(bench.ledger.purge(&all).await?, Purged::default());
    assert!(!bench.row(&carol_active()).await.has_token);
    let mapping = bench.ledger.mapping(alice_active().key()).await?;
    let mapping = mapping.expect("it stays");
    assert_eq!(mapping.state, MappingState::Expired);
    assert_eq!(mapping.member_session_id, minted_id(&lease));
    assert!(bench.ledger.session_token(&mapping)?.is_none());
    let alice = alice_active().session;
    let found = bench.ledger.lookup(&alice.stable_id, &alice.organization);
    assert!(found.await?.is_none());
    assert!(bench.ledger.mapping_books(run).await?.fit());
    Ok(())
}
