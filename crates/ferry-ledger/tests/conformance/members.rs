//! Where the sweeper looks, and what it revokes there.

use std::collections::HashSet;

use ferry_core::id::AttemptId;
use ferry_ledger::LedgerError;
use ferry_ledger::sweep::Looked;

use crate::bench::{Bench, LEASE, QUIET, SECOND_LOOK};
use crate::ends::{for_somebody_else, migrated, minted_id, unanswered};
use crate::people::{Person, alice_active, carol_active, erin_without_email, person};

on_every_backend![
    the_sessions_own_mapping_names_the_member,
    a_reply_names_the_member,
    without_an_email_another_session_of_the_person_names_the_member,
    with_an_email_nobody_is_guessed,
    a_person_in_another_organization_is_somebody_else,
    only_what_carries_a_listed_attempt_is_revoked,
    the_recorded_session_is_never_revoked,
    a_closed_attempt_may_still_be_revoked,
];

type Member = (Option<String>, String);

/// The members that the first attempt on the list may have minted for.
async fn members(bench: &Bench) -> Result<Vec<Member>, LedgerError> {
    let mut due = bench.ledger.unresolved_due(1).await?;
    Ok(due.remove(0).members)
}

/// A member of Acme, as `ends` names the one of this person's session.
async fn member_of(bench: &mut Bench, person: &Person) -> Member {
    let session = bench.session(person).await;
    let organization = "organization-acme".to_owned();
    (Some(organization), format!("member-{session}"))
}

/// Leaves an attempt of unknown outcome of this person.
async fn leave_unresolved(bench: &mut Bench, person: &Person) -> Result<AttemptId, LedgerError> {
    let lease = bench.lease(person).await?;
    bench.record(unanswered(&lease, LEASE)).await?;
    bench.clock.advance(QUIET);
    Ok(lease.attempt)
}

async fn carry(bench: &mut Bench, person: &Person) -> Result<(), LedgerError> {
    let lease = bench.lease(person).await?;
    assert!(bench.record(migrated(&lease)).await?);
    Ok(())
}

/// The same person's session on another device.
fn erin_on_her_phone() -> Person {
    let mut erin = person("erin-on-her-phone", 6, 180);
    erin.session.facts = erin_without_email().session.facts;
    erin
}

async fn the_sessions_own_mapping_names_the_member(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    leave_unresolved(bench, &alice_active()).await?;
    assert_eq!(members(bench).await?, []);
    carry(bench, &alice_active()).await?;
    let alice = member_of(bench, &alice_active()).await;
    assert_eq!(members(bench).await?, [alice]);
    Ok(())
}

async fn a_reply_names_the_member(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    leave_unresolved(bench, &alice_active()).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(for_somebody_else(&lease)).await?;
    let mallory = Some("organization-globex".to_owned());
    let mallory = (mallory, "member-mallory".to_owned());
    assert_eq!(members(bench).await?, [mallory]);
    Ok(())
}

async fn without_an_email_another_session_of_the_person_names_the_member(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let rows = [erin_without_email(), erin_on_her_phone(), alice_active()];
    bench.active_run("spring", rows).await?;
    leave_unresolved(bench, &erin_without_email()).await?;
    carry(bench, &alice_active()).await?;
    assert_eq!(members(bench).await?, []);
    carry(bench, &erin_on_her_phone()).await?;
    let erin = member_of(bench, &erin_on_her_phone()).await;
    assert_eq!(members(bench).await?, [erin]);
    Ok(())
}

async fn with_an_email_nobody_is_guessed(bench: &mut Bench) -> Result<(), LedgerError> {
    let mut on_her_phone = person("alice-on-her-phone", 6, 180);
    on_her_phone.session.facts = alice_active().session.facts;
    let rows = [alice_active(), on_her_phone.clone()];
    bench.active_run("spring", rows).await?;
    leave_unresolved(bench, &alice_active()).await?;
    carry(bench, &on_her_phone).await?;
    assert_eq!(members(bench).await?, []);
    Ok(())
}

async fn a_person_in_another_organization_is_somebody_else(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let at_globex = erin_on_her_phone().at("globex");
    let mut nobody_knows_who = person("anonymous", 7, 180);
    nobody_knows_who.session.facts.email = None;
    nobody_knows_who.session.facts.subject = None;
    let rows = [
        erin_without_email(),
        at_globex.clone(),
        nobody_knows_who.clone(),
    ];
    bench.active_run("spring", rows).await?;
    leave_unresolved(bench, &erin_without_email()).await?;
    carry(bench, &at_globex).await?;
    carry(bench, &nobody_knows_who).await?;
    assert_eq!(members(bench).await?, []);
    Ok(())
}

async fn only_what_carries_a_listed_attempt_is_revoked(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let rows = [alice_active(), carol_active()];
    bench.active_run("spring", rows).await?;
    let listed = leave_unresolved(bench, &alice_active()).await?;
    let under_way = bench.lease(&carol_active()).await?.attempt;
    let foreign = AttemptId::random(&mut bench.rng);
    let at_stytch = [
        ("left-behind".to_owned(), listed),
        ("twin-of-left-behind".to_owned(), listed),
        ("under-way".to_owned(), under_way),
        ("of-somebody-else".to_owned(), foreign),
    ];
    let revoke = bench.ledger.to_revoke(&at_stytch).await?;
    let expected = ["left-behind", "twin-of-left-behind"].map(str::to_owned);
    assert_eq!(revoke, HashSet::from(expected));
    assert!(bench.ledger.to_revoke(&[]).await?.is_empty());
    Ok(())
}

async fn the_recorded_session_is_never_revoked(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let lost = bench.lease(&alice_active()).await?;
    bench.clock.set(lost.until);
    let won = bench.lease(&alice_active()).await?;
    bench.record(migrated(&won)).await?;
    let at_stytch = [
        (minted_id(&lost), lost.attempt),
        (minted_id(&won), won.attempt),
        // Whatever its claim says: the mapping's session stays.
        (minted_id(&won), lost.attempt),
    ];
    let revoke = bench.ledger.to_revoke(&at_stytch).await?;
    assert_eq!(revoke, HashSet::from([minted_id(&lost)]));
    Ok(())
}

/// What a request brought about that outlived every look is still nobody's.
async fn a_closed_attempt_may_still_be_revoked(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let attempt = leave_unresolved(bench, &alice_active()).await?;
    for _ in 0..2 {
        let looked = Looked {
            attempt,
            revoked: 0,
            verifiable: true,
        };
        bench.ledger.looked(&[looked], SECOND_LOOK).await?;
    }
    let at_stytch = [("very-late".to_owned(), attempt)];
    assert_eq!(bench.ledger.to_revoke(&at_stytch).await?.len(), 1);
    Ok(())
}
