//! What Stytch cannot tell of a legacy token, the legacy provider is asked itself.

use std::process::Stdio;

use ferry_sim::{Faults, PersonChange, Population};
use tokio::process::Command;

use crate::support::{Crossing, Outcome};

impl Crossing {
    fn probing(&self) -> Command {
        let mut command = self.run_command();
        command
            .env("FERRY_LEGACY__ISSUER", self.simulator.issuer())
            .env("FERRY_LEGACY__PROBE", "true");
        command
    }

    fn asked(&self) -> u64 {
        let audit = self.simulator.audit();
        let userinfo = audit.calls.get("userinfo");
        userinfo.map_or(0, |outcomes| outcomes.values().sum())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_tokens_are_dead_at_once_and_the_others_cross() {
    let population = Population {
        revoked: 0.2,
        opaque: 0.5,
        ..Population::new(80, 310)
    };
    let crossing = Crossing::new(population, Faults::default()).await;
    assert!(crossing.summary.revoked > 0, "no token is revoked");
    let outcome = crossing.outcome(crossing.probing()).await;
    crossing.assert_all_crossed(&outcome).await;
    let revoked = crossing.summary.revoked;
    assert_eq!(outcome.failures("token_refused"), revoked);
    // Stytch asked once for each session, and Ferry once for each that failed.
    assert_eq!(crossing.asked(), 80 + revoked);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_probe_the_provider_is_never_asked_by_ferry() {
    let population = Population {
        revoked: 0.1,
        ..Population::new(30, 311)
    };
    let crossing = Crossing::new(population, Faults::default()).await;
    let mut command = crossing.run_command();
    command.env("FERRY_LEGACY__ISSUER", crossing.simulator.issuer());
    let outcome = crossing.outcome(command).await;
    crossing.assert_all_crossed(&outcome).await;
    let revoked = crossing.summary.revoked;
    assert_eq!(outcome.failures("userinfo_unusable"), revoked);
    assert_eq!(crossing.simulator.audit().calls.get("discovery"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_the_scope_for_an_email_is_dead_as_such() {
    let population = Population {
        opaque: 1.0,
        ..Population::new(20, 312)
    };
    let crossing = Crossing::new(population, Faults::default()).await;
    for person in 0..3 {
        let subject = crossing.simulator.population().person(person).subject;
        let change = PersonChange {
            userinfo_email: Some(String::new()),
            ..PersonChange::default()
        };
        assert!(crossing.simulator.change_person(&subject, change));
    }
    let outcome = crossing.outcome(crossing.probing()).await;
    assert_eq!(outcome.code, Some(3), "{}", outcome.standard_error);
    assert_eq!(outcome.failures("email_missing"), 3);
    assert_eq!(outcome.books().migrated, 17);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_provider_costs_nobody() {
    const SESSIONS: u64 = 30;
    let outage = Faults {
        userinfo_outage: 1.0,
        ..Faults::default()
    };
    let crossing = Crossing::new(Population::new(SESSIONS, 313), outage).await;
    let mut command = crossing.probing();
    command
        .env("FERRY_RETRY__MAX_ATTEMPTS", "3")
        .stdout(Stdio::piped());
    let child = command.spawn().expect("the binary starts");
    // Far more calls than all attempts of all sessions.
    crossing.until_calls(5 * SESSIONS).await;
    crossing.simulator.set_faults(Faults::default());
    let outcome = Outcome::from(child.wait_with_output().await.expect("it ended"));
    outcome.assert_says(0, &[]);
    assert_eq!(outcome.books().dead, 0);
    crossing.assert_all_crossed(&outcome).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_asked_about_too_often_waits_and_is_not_lost() {
    // One person with many devices: the eleventh call finds the bucket empty.
    let population = Population {
        devices: vec![12],
        ..Population::new(12, 314)
    };
    let limits = Faults {
        userinfo_person_limit: true,
        ..Faults::default()
    };
    let crossing = Crossing::new(population, limits).await;
    let mut command = crossing.probing();
    command.env("FERRY_RETRY__MAX_ATTEMPTS", "2");
    let child = command.spawn().expect("the binary starts");
    crossing.until_minted(10).await;
    // Ferry is told to wait, as Stytch is not.
    let told = || {
        let audit = crossing.simulator.audit();
        let busy = audit.calls["userinfo"].get("person_limit").copied();
        busy.unwrap_or_default() >= 2
    };
    while !told() {
        tokio::time::sleep(crate::support::LOOK_EVERY).await;
    }
    crossing
        .simulator
        .advance(std::time::Duration::from_mins(10));
    let outcome = Outcome::from(child.wait_with_output().await.expect("it ended"));
    outcome.assert_says(0, &[]);
    crossing.assert_all_crossed(&outcome).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_cannot_work_is_refused_at_the_start() {
    let crossing = Crossing::new(Population::new(3, 315), Faults::default()).await;
    let mut nobody = crossing.run_command();
    nobody.env("FERRY_LEGACY__PROBE", "true");
    let refused = crossing.outcome(nobody).await;
    refused.assert_says(2, &["legacy.issuer is unset"]);

    let mut plain = crossing.probing();
    plain.env("FERRY_LEGACY__ISSUER", "http://tenant.auth0.com/");
    let refused = crossing.outcome(plain).await;
    refused.assert_says(2, &["legacy.issuer is not https://"]);

    let mut other = crossing.probing();
    other.env("FERRY_LEGACY__ISSUER", crossing.simulator.base_url());
    let refused = crossing.outcome(other).await;
    refused.assert_says(2, &["answered 404", "legacy.issuer"]);
    assert_eq!(crossing.simulator.audit().sessions.minted, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_out_of_ferrys_reach_keeps_no_good_token_back() {
    let crossing = Crossing::new(Population::new(10, 316), Faults::default()).await;
    let mut command = crossing.probing();
    command.env("FERRY_LEGACY__ISSUER", "http://127.0.0.1:9");
    let outcome = crossing.outcome(command).await;
    outcome.assert_says(0, &["no connection to the legacy provider"]);
    crossing.assert_all_crossed(&outcome).await;
}
