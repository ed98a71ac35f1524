//! What is dead: counted, listed, put aside, told of.

use ferry_core::id::SessionId;
use ferry_core::reason::DeadReason;
use ferry_core::state::SessionState;
use ferry_ledger::LedgerError;
use ferry_ledger::audit_log::Action;
use ferry_ledger::dead::Filter;

use crate::bench::{Bench, LEASE};
use crate::clock::noon_plus;
use crate::ends::{dead, for_somebody_else, retried};
use crate::people::{Person, a_crowd, alice_active, carol_active, dave_in_a_hurry};

on_every_backend![
    the_dead_are_counted_by_what_they_died_of,
    each_part_of_a_filter_leaves_others_out,
    a_dead_session_tells_what_its_operator_needs,
    the_dead_are_paged_in_the_order_of_their_ids,
    who_is_put_aside_is_dead_and_not_listed,
    a_newer_token_takes_a_session_from_the_dead,
    a_session_tells_its_history,
    deeds_are_listed_the_newest_first,
];

impl Bench {
    /// Her session dies of this.
    pub(crate) async fn bury(
        &mut self,
        person: &Person,
        reason: DeadReason,
    ) -> Result<SessionId, LedgerError> {
        let lease = self.lease(person).await?;
        assert!(self.record(dead(&lease, reason)).await?);
        Ok(lease.session)
    }

    /// How many dead sessions fit.
    pub(crate) async fn count(&self, filter: &Filter) -> Result<u64, LedgerError> {
        let counts = self.ledger.count_dead(filter).await?;
        let count = counts.iter().map(|count| count.count).sum();
        let listed = self.ledger.dead_sessions(filter, None, 1_000).await?;
        assert_eq!(listed.len() as u64, count, "{filter:?}");
        Ok(count)
    }
}

async fn the_dead_are_counted_by_what_they_died_of(bench: &mut Bench) -> Result<(), LedgerError> {
    let people: Vec<_> = a_crowd(3).chain([alice_active(), carol_active()]).collect();
    let run = bench.active_run("spring", people.clone()).await?;
    for person in &people[..3] {
        bench.bury(person, DeadReason::MemberMissing).await?;
    }
    bench.clock.advance(LEASE);
    let alice = bench
        .bury(&alice_active(), DeadReason::TokenRefused)
        .await?;
    let lease = bench.lease(&carol_active()).await?;
    bench.record(for_somebody_else(&lease)).await?;
    let [missing, mismatch, refused] =
        <[_; 3]>::try_from(bench.ledger.count_dead(&Filter::default()).await?).expect("three");
    assert_eq!((missing.run, missing.count), (run, 3));
    assert_eq!(missing.reason, "member_missing");
    assert_eq!(missing.class.as_deref(), Some("session"));
    assert_eq!(missing.error_type.as_deref(), Some("member_not_found"));
    assert_eq!(missing.died, (noon_plus(0), noon_plus(0)));
    assert_eq!((refused.count, refused.example), (1, alice));
    assert_eq!(refused.died.0, bench.now());
    assert_eq!((mismatch.count, mismatch.error_type), (1, None));
    assert_eq!(bench.ledger.books(run).await?.dead, 5);
    Ok(())
}

async fn each_part_of_a_filter_leaves_others_out(bench: &mut Bench) -> Result<(), LedgerError> {
    let spring = bench.active_run("spring", [alice_active()]).await?;
    let elsewhere = [carol_active().at("globex"), dave_in_a_hurry().at("globex")];
    bench.active_run("summer", elsewhere.clone()).await?;
    bench
        .bury(&alice_active(), DeadReason::MemberMissing)
        .await?;
    let lease = bench.lease(&elsewhere[0]).await?;
    bench.record(retried(&lease, LEASE)).await?;
    bench.clock.advance(LEASE);
    bench.bury(&elsewhere[0], DeadReason::Refused).await?;
    let lease = bench.lease(&elsewhere[1]).await?;
    bench.record(for_somebody_else(&lease)).await?;
    assert_eq!(bench.count(&Filter::default()).await?, 3);
    let one = |change: &dyn Fn(&mut Filter)| {
        let mut filter = Filter::default();
        change(&mut filter);
        assert!(!filter.is_all());
        filter
    };
    let text = |text: &str| Some(text.to_owned());
    for (filter, count) in [
        (one(&|f| f.run = Some(spring)), 1),
        (one(&|f| f.reasons = vec![DeadReason::Refused]), 1),
        (
            one(&|f| f.reasons = vec![DeadReason::Refused, DeadReason::MemberMissing]),
            2,
        ),
        (one(&|f| f.reasons = vec![DeadReason::EmailMissing]), 0),
        (one(&|f| f.class = text("session")), 3),
        (one(&|f| f.class = text("transient")), 0),
        (one(&|f| f.error_type = text("member_not_found")), 2),
        (one(&|f| f.organization = text("globex")), 2),
        (one(&|f| f.organization = text("%")), 0),
        (one(&|f| f.attempts = Some(1)), 1),
        (one(&|f| f.died_until = Some(noon_plus(0))), 1),
        (one(&|f| f.died_since = Some(noon_plus(0).plus(LEASE))), 2),
    ] {
        assert_eq!(bench.count(&filter).await?, count, "{filter:?}");
    }
    Ok(())
}

async fn a_dead_session_tells_what_its_operator_needs(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    let session = bench
        .bury(&alice_active(), DeadReason::MemberMissing)
        .await?;
    let [alice] = <[_; 1]>::try_from(
        bench
            .ledger
            .dead_sessions(&Filter::default(), None, 10)
            .await?,
    )
    .expect("one");
    assert_eq!(
        (alice.session, alice.run, alice.source_row),
        (session, run, 1)
    );
    assert_eq!(alice.email.as_deref(), Some("alice@example.com"));
    assert_eq!(alice.subject.as_deref(), Some("auth0|alice"));
    assert_eq!(alice.organization, "acme");
    assert_eq!((alice.died_at, alice.discarded_at), (noon_plus(0), None));
    Ok(())
}

async fn the_dead_are_paged_in_the_order_of_their_ids(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let crowd: Vec<_> = a_crowd(5).collect();
    bench.active_run("spring", crowd.clone()).await?;
    for person in crowd.iter().rev() {
        bench.bury(person, DeadReason::MemberMissing).await?;
    }
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = bench
            .ledger
            .dead_sessions(&Filter::default(), after, 2)
            .await?;
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(last.session);
        all.extend(page.iter().map(|dead| dead.session.0));
    }
    assert_eq!(all.len(), 5);
    assert!(all.is_sorted());
    Ok(())
}

async fn who_is_put_aside_is_dead_and_not_listed(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench
        .active_run("spring", [alice_active(), carol_active()])
        .await?;
    bench
        .bury(&alice_active(), DeadReason::MemberMissing)
        .await?;
    bench.bury(&carol_active(), DeadReason::Refused).await?;
    let deed = bench
        .ledger
        .note_deed("olga@desk", Action::Discard, "", 0)
        .await?;
    let refused = Filter {
        reasons: vec![DeadReason::Refused],
        ..Filter::default()
    };
    assert_eq!(bench.ledger.discard(&refused, deed).await?, 1);
    assert_eq!(bench.ledger.discard(&refused, deed).await?, 0, "once");
    assert_eq!(bench.count(&Filter::default()).await?, 1);
    assert_eq!(bench.count(&refused).await?, 0);
    let aside = Filter {
        discarded: true,
        ..Filter::default()
    };
    assert!(aside.is_all());
    assert_eq!(bench.count(&aside).await?, 1);
    assert_eq!(bench.row(&carol_active()).await.state, SessionState::Dead);
    assert_eq!(bench.ledger.books(run).await?.dead, 2);
    assert_eq!(bench.ledger.deeds(None, 10).await?[0].affected, 1);
    Ok(())
}

async fn a_newer_token_takes_a_session_from_the_dead(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    bench
        .bury(&alice_active(), DeadReason::TokenRefused)
        .await?;
    let newer = alice_active().with_newer_token();
    let summer = bench.active_run("summer", [newer.clone()]).await?;
    assert_eq!(bench.count(&Filter::default()).await?, 0);
    bench.bury(&newer, DeadReason::MemberMissing).await?;
    let of_summer = Filter {
        run: Some(summer),
        ..Filter::default()
    };
    assert_eq!(bench.count(&of_summer).await?, 1);
    Ok(())
}

async fn a_session_tells_its_history(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(retried(&lease, LEASE)).await?;
    bench.clock.advance(LEASE);
    let session = bench
        .bury(&alice_active(), DeadReason::MemberMissing)
        .await?;
    let history = bench.ledger.history(session).await?.expect("she is there");
    assert_eq!(history.run_name, "spring");
    assert_eq!(history.state, SessionState::Dead);
    assert_eq!(history.reason.as_deref(), Some("member_missing"));
    assert_eq!(history.died_at, Some(bench.now()));
    assert_eq!((history.attempts_spent, history.has_token), (1, true));
    let statuses: Vec<_> = history.attempts.iter().map(|a| a.http_status).collect();
    assert_eq!(statuses, [Some(503), Some(404)]);
    assert_eq!(history.replays, []);
    assert_eq!(bench.ledger.history(SessionId(session.0 + 1)).await?, None);
    Ok(())
}

async fn deeds_are_listed_the_newest_first(bench: &mut Bench) -> Result<(), LedgerError> {
    let first = bench
        .ledger
        .note_deed("olga@desk", Action::Pause, "spring", 0)
        .await?;
    bench.clock.advance(LEASE);
    let second = bench
        .ledger
        .note_deed("otto@home", Action::Cancel, "spring", 3)
        .await?;
    bench.ledger.extend_deed(second, 4).await?;
    let deeds = bench.ledger.deeds(None, 10).await?;
    assert_eq!([deeds[0].id, deeds[1].id], [second, first]);
    assert_eq!(
        (deeds[0].action(), deeds[0].affected),
        (Some(Action::Cancel), 7)
    );
    assert_eq!(
        (deeds[1].who.as_str(), deeds[1].at),
        ("olga@desk", noon_plus(0))
    );
    assert_eq!(bench.ledger.deeds(Some(second), 10).await?, deeds[1..]);
    assert_eq!(bench.ledger.deeds(None, 1).await?, deeds[..1]);
    Ok(())
}
