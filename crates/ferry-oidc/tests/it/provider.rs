//! The simulator's provider: discovery, and UserInfo with Auth0's limits.

use std::time::Duration;

use ferry_oidc::{Probe, Verdict};
use ferry_sim::{Faults, Options, PersonChange, Population, Simulator};

use crate::server::{CALL_TIMEOUT, probe};

async fn provider(faults: Faults) -> (Simulator, Probe) {
    let options = Options {
        population: Population::new(10, 1),
        faults,
        ..Options::default()
    };
    let simulator = Simulator::start(options).await.unwrap();
    let probe = probe(simulator.issuer());
    (simulator, probe)
}

async fn ask(simulator: &Simulator, probe: &Probe, session: u64) -> Verdict {
    let token = simulator.access_token(session, 3600);
    probe.ask(&token.into()).await
}

#[tokio::test]
async fn a_good_token_has_an_email() {
    let (simulator, probe) = provider(Faults::default()).await;
    probe.discover().await.unwrap();
    assert_eq!(ask(&simulator, &probe, 3).await, Verdict::Email);
}

#[tokio::test]
async fn a_revoked_an_expired_and_an_unknown_token_are_refused() {
    let (simulator, probe) = provider(Faults::default()).await;
    simulator.set_legacy_session_revoked(3, true);
    let expired = simulator.access_token(4, -1);
    assert_eq!(ask(&simulator, &probe, 3).await, Verdict::Refused(401));
    for token in [expired, "nobody".to_owned()] {
        let verdict = probe.ask(&token.into()).await;
        assert_eq!(verdict, Verdict::Refused(401));
    }
}

#[tokio::test]
async fn a_token_without_the_scope_for_it_has_no_email() {
    let (simulator, probe) = provider(Faults::default()).await;
    let population = simulator.population();
    let person = population.person(population.session(5).person);
    let change = PersonChange {
        userinfo_email: Some(String::new()),
        ..PersonChange::default()
    };
    assert!(simulator.change_person(&person.subject, change));
    assert_eq!(ask(&simulator, &probe, 5).await, Verdict::NoEmail);
}

#[tokio::test]
async fn one_person_asked_too_often_has_to_wait_until_the_bucket_has_room() {
    let faults = Faults {
        userinfo_person_limit: true,
        ..Faults::default()
    };
    let (simulator, probe) = provider(faults).await;
    for _ in 0..10 {
        assert_eq!(ask(&simulator, &probe, 6).await, Verdict::Email);
    }
    let Verdict::Busy {
        retry_after: Some(wait),
    } = ask(&simulator, &probe, 6).await
    else {
        panic!("the eleventh call was let through");
    };
    // One call is free every 12 s.
    assert!(wait <= Duration::from_secs(13), "{wait:?}");
    assert_eq!(ask(&simulator, &probe, 7).await, Verdict::Email);
}

#[tokio::test]
async fn an_outage_is_told_from_a_refusal() {
    let faults = Faults {
        userinfo_outage: 1.0,
        ..Faults::default()
    };
    let (simulator, probe) = provider(faults).await;
    assert_eq!(ask(&simulator, &probe, 8).await, Verdict::Down);
    simulator.set_faults(Faults::default());
    assert_eq!(ask(&simulator, &probe, 8).await, Verdict::Email);
}

#[tokio::test]
async fn a_provider_that_is_gone_is_down_if_it_was_there_and_else_only_out_of_reach() {
    let (mut simulator, probe) = provider(Faults::default()).await;
    assert_eq!(ask(&simulator, &probe, 9).await, Verdict::Email);
    let stranger = crate::server::probe(simulator.issuer());
    simulator.stop().await;
    assert_eq!(ask(&simulator, &probe, 9).await, Verdict::Down);
    assert_eq!(ask(&simulator, &stranger, 9).await, Verdict::Unreachable);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_others_who_ask_a_provider_that_is_silent() {
    // It accepts connections and never answers.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let probe = probe(&format!("http://{}", listener.local_addr().unwrap()));
    let token = "canary".to_owned().into();
    let began = tokio::time::Instant::now();
    let asked = (0..100).map(|_| probe.ask(&token));
    for verdict in futures::future::join_all(asked).await {
        assert!(
            matches!(verdict, Verdict::Down | Verdict::Unreachable),
            "{verdict:?}"
        );
    }
    // By the paused clock: the time of one question, however slow the machine is.
    assert!(began.elapsed() <= CALL_TIMEOUT + Duration::from_millis(1));
}
