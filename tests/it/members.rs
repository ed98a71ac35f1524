//! Members that are missing at Stytch: dead as such, or created, each once.

use std::collections::HashSet;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ferry_sim::{Condition, Faults, Person, PersonChange, Population};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::support::{Crossing, Fleet};

/// Everybody has two devices, and a third of the people are unknown to Stytch.
async fn crossing(sessions: u64, seed: u64) -> Crossing {
    let population = Population {
        devices: vec![2],
        member_missing: 0.3,
        ..Population::new(sessions, seed)
    };
    Crossing::new(population, Faults::default()).await
}

impl Crossing {
    fn creating(&self, api: &str) -> Command {
        let mut command = self.run_command();
        command
            .env("FERRY_STYTCH__MEMBERS", "create")
            .env("FERRY_STYTCH__API", api);
        command
    }

    /// The people whom Stytch does not know.
    fn missing_people(&self) -> HashSet<u64> {
        let population = self.simulator.population();
        let sessions = (0..population.sessions).map(|number| population.session(number));
        let missing = sessions.filter(|session| session.condition == Condition::MemberMissing);
        missing.map(|session| session.person).collect()
    }

    fn calls(&self, endpoint: &str, outcome: &str) -> u64 {
        self.simulator.audit().calls_of(endpoint, outcome)
    }

    /// Gives the export one more column, at its end, with something of each row's person.
    fn add_column(&self, column: &str, of: impl Fn(&Person) -> String) {
        let export = fs::read_to_string(self.export()).unwrap();
        let mut rows = export.lines();
        let mut wider = vec![format!("{},{column}", rows.next().unwrap())];
        for row in rows {
            let email = row.split(',').find(|field| field.contains('@')).unwrap();
            let person = self.simulator.population().person_by_email(email);
            wider.push(format!("{row},{}", of(&person.expect("a person"))));
        }
        fs::write(self.export(), wider.join("\n")).unwrap();
    }

    /// What Stytch tells of a member.
    async fn member(&self, person: u64) -> String {
        let population = self.simulator.population();
        let person = population.person(person);
        let organization = population.organization(person.organization).organization_id;
        let credentials = self.simulator.credentials();
        let pair = format!("{}:{}", credentials.project_id, credentials.secret);
        let request = format!(
            "GET /v1/b2b/organizations/{organization}/member?email_address={} HTTP/1.1\r\nHost: sim\r\nAuthorization: Basic {}\r\nConnection: close\r\n\r\n",
            person.email,
            STANDARD.encode(pair)
        );
        let mut stream = TcpStream::connect(self.simulator.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        reply
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_members_are_created_once_each_and_all_their_sessions_cross() {
    for (api, endpoint) in [("b2b", "create_member"), ("consumer", "create_user")] {
        let crossing = crossing(120, 300).await;
        let missing = crossing.missing_people().len() as u64;
        assert!(missing > 0, "nobody is missing");
        let outcome = crossing.outcome(crossing.creating(api)).await;
        outcome.assert_says(0, &[]);
        let books = outcome.books();
        assert_eq!((books.migrated, books.dead), (120, 0), "{books:?}");
        assert_eq!(crossing.calls(endpoint, "ok"), missing, "{api}");
        let audit = crossing.audit().await;
        assert_eq!((audit.extra_alive, audit.mapped_not_alive), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_created_member_has_the_name_of_the_export() {
    let crossing = crossing(20, 301).await;
    crossing.add_column("name", |person| person.name.clone());
    let outcome = crossing.outcome(crossing.creating("b2b")).await;
    outcome.assert_says(0, &[]);
    for person in crossing.missing_people() {
        let name = crossing.simulator.population().person(person).name;
        let member = crossing.member(person).await;
        assert!(member.contains(&format!(r#""name":"{name}""#)), "{member}");
        assert!(member.contains(r#""status":"active""#), "{member}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_not_created_unless_asked_for() {
    let crossing = crossing(60, 302).await;
    let outcome = crossing.run().await;
    crossing.assert_all_crossed(&outcome).await;
    assert_eq!(outcome.code, Some(3), "{}", outcome.standard_error);
    assert_eq!(
        outcome.failures("member_missing"),
        crossing.summary.member_missing
    );
    assert_eq!(crossing.simulator.audit().calls.get("create_member"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_created_through_faults_and_a_slow_stytch() {
    let crossing = crossing(100, 303).await;
    crossing.simulator.set_faults(Faults {
        latency_ms: 20,
        member_failures: 0.2,
        error_503: 0.05,
        ..Faults::default()
    });
    let missing = crossing.missing_people().len() as u64;
    let mut command = crossing.creating("b2b");
    command.env("FERRY_RETRY__MAX_ATTEMPTS", "100");
    let outcome = crossing.outcome(command).await;
    outcome.assert_says(0, &[]);
    assert_eq!(outcome.books().migrated, 100);
    assert_eq!(crossing.calls("create_member", "ok"), missing);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_whom_userinfo_knows_by_another_email_ends_as_missing_and_not_in_a_loop() {
    let crossing = Crossing::new(Population::new(1, 304), Faults::default()).await;
    let subject = crossing.simulator.population().person(0).subject;
    let change = PersonChange {
        userinfo_email: Some("somebody@else.example".to_owned()),
        ..PersonChange::default()
    };
    assert!(crossing.simulator.change_person(&subject, change));
    let mut command = crossing.creating("b2b");
    command.env("FERRY_RETRY__MAX_ATTEMPTS", "3");
    let outcome = crossing.outcome(command).await;
    assert_eq!(outcome.code, Some(3), "{}", outcome.standard_error);
    assert_eq!(outcome.failures("member_missing"), 1);
    let missed = "migrate_from_external_email_does_not_exist";
    assert_eq!(crossing.calls("migrate", missed), 3);
    // Not for the last attempt: nobody would come to use the member.
    assert_eq!(crossing.calls("create_member", "duplicate_member_email"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_stytch_refuses_to_create_is_dead_and_the_others_cross() {
    let crossing = crossing(20, 305).await;
    let missing = crossing.missing_people();
    crossing.add_column("external_id", |person| {
        let is_missing = missing.contains(&person.number);
        String::from(if is_missing { "no external id!" } else { "" })
    });
    let outcome = crossing.outcome(crossing.creating("b2b")).await;
    crossing.assert_all_crossed(&outcome).await;
    assert_eq!(outcome.failures("member_missing"), 0);
    assert_eq!(crossing.calls("create_member", "ok"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_creates_each_member_once_too() {
    let population = Population {
        devices: vec![2],
        member_missing: 0.5,
        ..Population::new(80, 306)
    };
    let mut fleet = Fleet::new(population, Faults::default()).await;
    fleet.settings.push(("FERRY_STYTCH__MEMBERS", "create"));
    fleet.enqueue().await;
    tokio::join!(fleet.work(), fleet.work());
    let status = fleet.status().await;
    assert_eq!(status.books().migrated, 80, "{}", status.standard_output);
    let missing = fleet.crossing.missing_people().len() as u64;
    assert_eq!(fleet.crossing.calls("create_member", "ok"), missing);
}
