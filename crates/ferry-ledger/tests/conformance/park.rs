//! Dead sessions go again by themselves, once their member exists.

use std::time::Duration;

use ferry_core::id::RunId;
use ferry_core::reason::{DeadReason, PauseCause};
use ferry_core::replay::Obstacle;
use ferry_core::state::{RunState, SessionState};
use ferry_ledger::LedgerError;
use ferry_ledger::audit_log::{Action, DeedId};
use ferry_ledger::dead::Filter;
use ferry_ledger::park::{Parkable, Parked};

use crate::bench::Bench;
use crate::clock::noon_plus;
use crate::ends::migrated;
use crate::people::{alice_active, carol_active, dave_in_a_hurry, erin_without_email, person};

on_every_backend![
    only_who_died_of_a_missing_member_and_has_an_email_is_parked,
    a_parked_session_is_let_go_once_in_the_name_of_who_parked_it,
    who_dies_again_is_not_parked_any_more,
    a_look_comes_again_after_its_time,
    what_lasts_in_the_way_is_told_and_given_up,
    nothing_is_let_go_that_is_not_parked_any_more,
];

impl Bench {
    async fn parking(&self) -> Result<DeedId, LedgerError> {
        self.ledger
            .note_deed("olga@desk", Action::Park, "all", 0)
            .await
    }

    /// Her session is dead and parked, and the only one.
    async fn parked(&mut self) -> Result<(RunId, Parked), LedgerError> {
        let run = self.active_run("spring", [alice_active()]).await?;
        self.bury(&alice_active(), DeadReason::MemberMissing)
            .await?;
        let deed = self.parking().await?;
        assert_eq!(self.ledger.park(&Filter::default(), deed).await?, 1);
        Ok((run, self.due_parked().await?.pop().expect("one")))
    }

    async fn due_parked(&self) -> Result<Vec<Parked>, LedgerError> {
        self.ledger.parked_due(10).await
    }
}

async fn only_who_died_of_a_missing_member_and_has_an_email_is_parked(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let refused = person("rita", 9, 60);
    let people = [
        alice_active(),
        carol_active(),
        erin_without_email(),
        refused.clone(),
    ];
    let run = bench.active_run("spring", people.clone()).await?;
    for person in &people[..3] {
        bench.bury(person, DeadReason::MemberMissing).await?;
    }
    bench.bury(&refused, DeadReason::MemberNotActive).await?;
    let all = Filter::default();
    let counts = |ready, parked, nameless| Parkable {
        ready,
        parked,
        nameless,
    };
    assert_eq!(bench.ledger.parkable(&all).await?, counts(2, 0, 1));
    let elsewhere = Filter {
        organization: Some("globex".to_owned()),
        ..Filter::default()
    };
    let deed = bench.parking().await?;
    assert_eq!(bench.ledger.park(&elsewhere, deed).await?, 0);
    assert_eq!(bench.ledger.park(&all, deed).await?, 2);
    assert_eq!(bench.ledger.park(&all, deed).await?, 0, "once");
    assert_eq!(bench.ledger.parkable(&all).await?, counts(0, 2, 1));
    assert_eq!(bench.ledger.count_parked(&all).await?, 2);
    assert_eq!(bench.ledger.count_parked(&elsewhere).await?, 0);
    let due = bench.due_parked().await?;
    let emails: Vec<_> = due.iter().map(|parked| parked.email.as_str()).collect();
    assert_eq!(emails, ["alice@example.com", "carol@example.com"]);
    assert_eq!((due[0].run, due[0].organization.as_str()), (run, "acme"));
    assert!(due.iter().all(|parked| parked.obstacle.is_none()));
    assert_eq!(bench.count(&all).await?, 4, "they are dead as before");
    assert_eq!(bench.ledger.unpark(&all, deed).await?, 2);
    assert_eq!(bench.due_parked().await?, []);
    assert_eq!(bench.ledger.deeds(None, 1).await?[0].affected, 4);
    bench.assert_books_balance().await
}

async fn a_parked_session_is_let_go_once_in_the_name_of_who_parked_it(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let (run, parked) = bench.parked().await?;
    assert_eq!(bench.ledger.settle(run).await?, RunState::Finished);
    let history = bench.ledger.history(parked.session).await?.expect("hers");
    assert_eq!(history.look_at, Some(noon_plus(0)));
    assert!(bench.ledger.let_go(&parked).await?);
    assert!(!bench.ledger.let_go(&parked).await?, "once");
    assert_eq!(bench.row(&alice_active()).await.state, SessionState::Queued);
    assert_eq!(bench.ledger.run("spring").await?.state, RunState::Active);
    assert_eq!(bench.count(&Filter::default()).await?, 0);
    assert_eq!(bench.due_from_head(run).await?, [parked.session]);
    bench.assert_books_balance().await?;
    let lease = bench.lease(&alice_active()).await?;
    assert!(bench.record(migrated(&lease)).await?);
    let history = bench.ledger.history(parked.session).await?.expect("hers");
    assert_eq!(history.replays[0].who, "olga@desk");
    // How many were parked, not how often they went.
    assert_eq!(bench.ledger.deeds(None, 1).await?[0].affected, 1);
    Ok(())
}

async fn who_dies_again_is_not_parked_any_more(bench: &mut Bench) -> Result<(), LedgerError> {
    let (_, parked) = bench.parked().await?;
    assert!(bench.ledger.let_go(&parked).await?);
    bench
        .bury(&alice_active(), DeadReason::MemberMissing)
        .await?;
    assert_eq!(bench.due_parked().await?, []);
    assert!(!bench.ledger.let_go(&parked).await?);
    let again = bench.parking().await?;
    assert_eq!(bench.ledger.park(&Filter::default(), again).await?, 1);
    let parked = bench.due_parked().await?.pop().expect("one");
    assert!(bench.ledger.let_go(&parked).await?);
    Ok(())
}

async fn a_look_comes_again_after_its_time(bench: &mut Bench) -> Result<(), LedgerError> {
    let (_, parked) = bench.parked().await?;
    let minute = Duration::from_mins(1);
    bench.ledger.look_for_later(&parked, minute).await?;
    assert_eq!(bench.due_parked().await?, []);
    bench.clock.advance(minute);
    assert_eq!(bench.due_parked().await?, [parked]);
    Ok(())
}

async fn what_lasts_in_the_way_is_told_and_given_up(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [dave_in_a_hurry()]).await?;
    bench
        .bury(&dave_in_a_hurry(), DeadReason::MemberMissing)
        .await?;
    let deed = bench.parking().await?;
    bench.ledger.park(&Filter::default(), deed).await?;
    bench.ledger.pause(run, PauseCause::Operator).await?;
    let [paused] = <[Parked; 1]>::try_from(bench.due_parked().await?).expect("one");
    assert_eq!(paused.obstacle, Some(Obstacle::RunPaused));
    assert!(!bench.ledger.let_go(&paused).await?);
    bench.clock.advance(Duration::from_mins(10));
    let [over] = <[Parked; 1]>::try_from(bench.due_parked().await?).expect("one");
    assert_eq!(over.obstacle, Some(Obstacle::TokenExpired));
    bench.ledger.give_up_parked(&over).await?;
    assert_eq!(bench.due_parked().await?, []);
    assert_eq!(bench.count(&Filter::default()).await?, 1);
    Ok(())
}

async fn nothing_is_let_go_that_is_not_parked_any_more(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let (_, parked) = bench.parked().await?;
    let all = Filter::default();
    assert_eq!(bench.ledger.unpark(&all, parked.deed).await?, 1);
    assert!(!bench.ledger.let_go(&parked).await?);
    // Somebody else parks it: the old look is not theirs.
    let other = bench.parking().await?;
    assert_eq!(bench.ledger.park(&all, other).await?, 1);
    assert!(!bench.ledger.let_go(&parked).await?);
    // And who puts it aside does not want it to go.
    assert_eq!(bench.ledger.discard(&all, other).await?, 1);
    assert_eq!(bench.due_parked().await?, []);
    Ok(())
}
