//! The client against the simulator: the verbs as Stytch answers them.

use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::failure::{Judgement, judge};
use ferry_core::id::AttemptId;
use ferry_core::identity::{Expected, compare};
use ferry_core::outcome::{CallOutcome, MintedSession, Refusal, Unanswered};
use ferry_core::reason::{DeadReason, PauseCause};
use ferry_sim::{Faults, Options, Population, RetryAfter, Simulator};
use ferry_stytch::{Api, Client, Created, Endpoint, Failure, MigrateRequest, NewMember, Settings};

const ATTEMPT: AttemptId = AttemptId([0x5a; 16]);
const MINUTES: u32 = 120;

struct Stage {
    simulator: Simulator,
    client: Client,
    api: Api,
}

impl Stage {
    async fn set(api: Api) -> Self {
        let options = Options {
            population: Population::realistic(100, 1),
            ..Options::default()
        };
        let simulator = Simulator::start(options).await.unwrap();
        let credentials = simulator.credentials();
        let secret = credentials.secret.clone();
        let client = client(&simulator, &credentials.project_id, secret, api);
        Self {
            simulator,
            client,
            api,
        }
    }

    fn with_faults(self, set: impl FnOnce(&mut Faults)) -> Self {
        self.simulator.set_faults(faults(set));
        self
    }

    /// The organization of a session's person; the Consumer API has none.
    fn organization(&self, session: u64) -> String {
        let population = self.simulator.population();
        let person = population.person(population.session(session).person);
        match self.api {
            Api::B2b => population.organization(person.organization).slug,
            Api::Consumer => String::new(),
        }
    }

    fn email(&self, session: u64) -> String {
        let population = self.simulator.population();
        population.person(population.session(session).person).email
    }

    /// A session with which nothing is wrong.
    fn migratable(&self) -> u64 {
        self.in_condition(ferry_sim::Condition::Migratable)
    }

    fn in_condition(&self, condition: ferry_sim::Condition) -> u64 {
        let population = self.simulator.population();
        let mut numbers = 0..population.sessions;
        numbers
            .find(|number| population.session(*number).condition == condition)
            .expect("a realistic population has all conditions")
    }

    async fn migrate(&self, session: u64) -> CallOutcome {
        let request = MigrateRequest {
            access_token: &self.simulator.access_token(session, 3600).into(),
            organization: &self.organization(session),
            minutes: MINUTES,
            attempt: ATTEMPT,
            custom_claims: Some(r#"{"plan":"pro"}"#),
        };
        self.client.migrate(&request).await
    }

    async fn mint(&self, session: u64) -> MintedSession {
        match self.migrate(session).await {
            CallOutcome::Minted(minted) => *minted,
            other => panic!("{other:?}"),
        }
    }

    async fn refused(&self, session: u64) -> Refusal {
        match self.migrate(session).await {
            CallOutcome::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    fn minted_count(&self) -> u64 {
        self.simulator.audit().sessions.minted
    }
}

fn faults(set: impl FnOnce(&mut Faults)) -> Faults {
    let mut faults = Faults::default();
    set(&mut faults);
    faults
}

fn client(simulator: &Simulator, project_id: &str, secret: String, api: Api) -> Client {
    let endpoint = Endpoint::for_project(project_id, Some(simulator.base_url())).unwrap();
    assert!(endpoint.is_loopback());
    let settings = Settings {
        call_timeout: Duration::from_secs(3),
        ..Settings::new(endpoint, project_id.into(), secret.into(), api)
    };
    Client::new(&settings).unwrap()
}

#[tokio::test]
async fn a_minted_session_is_of_the_person_in_the_row_with_our_claims_and_life() {
    for api in [Api::B2b, Api::Consumer] {
        let stage = Stage::set(api).await;
        let session = stage.migratable();
        let minted = stage.mint(session).await;
        let email = stage.email(session);
        let expected = Expected {
            organization: &stage.organization(session),
            external_id: None,
            email: Some(&email),
        };
        assert_eq!(compare(expected, &minted), Ok(()), "{api:?} {minted:?}");

        let [audited] = &stage.simulator.sessions()[..] else {
            panic!("one session");
        };
        assert_eq!(audited.session_id, minted.member_session_id);
        assert_eq!(audited.member_id, minted.member_id);
        assert_eq!(audited.external_id, minted.external_id);
        assert_eq!(audited.custom_claims["ferry_attempt"], ATTEMPT.to_string());
        assert_eq!(audited.custom_claims["plan"], "pro");
        let minted_at = Timestamp::parse(&audited.minted_at).unwrap();
        let life = minted.expires_at.since(minted_at);
        assert_eq!(life.as_secs().div_ceil(60), u64::from(MINUTES));
    }
}

#[tokio::test]
async fn a_session_whose_reply_was_lost_is_found_by_its_attempt_and_revoked() {
    for api in [Api::B2b, Api::Consumer] {
        let stage = Stage::set(api)
            .await
            .with_faults(|f| f.cut_after_minting = 1.0);
        let session = stage.migratable();
        let outcome = stage.migrate(session).await;
        let CallOutcome::Unanswered(Unanswered::Cut) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(stage.simulator.audit().sessions.alive, 1);

        let client = &stage.client;
        let found = client
            .find_member(&stage.organization(session), &stage.email(session))
            .await;
        let member = found.unwrap().unwrap();
        let listed = client
            .list_sessions(&member.organization_id, &member.member_id)
            .await
            .unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].attempt, Some(ATTEMPT));
        let id = &listed[0].member_session_id;
        assert_eq!(client.revoke(id).await, Ok(()));
        assert_eq!(stage.simulator.audit().sessions.alive, 0);
        assert_eq!(client.revoke(id).await, Ok(()), "twice is once");
        let listed = client.list_sessions(&member.organization_id, &member.member_id);
        assert_eq!(listed.await, Ok(Vec::new()));
    }
}

#[tokio::test]
async fn each_fault_has_its_outcome() {
    let stage = Stage::set(Api::B2b).await;
    let session = stage.migratable();
    let cases = [
        (faults(|f| f.cut_before_minting = 1.0), Unanswered::Cut, 0),
        (faults(|f| f.cut_in_reply = 1.0), Unanswered::Unreadable, 1),
        (faults(|f| f.bad_json = 1.0), Unanswered::Unreadable, 1),
        (faults(|f| f.html_ok = 1.0), Unanswered::Unreadable, 1),
        (
            faults(|f| f.no_session_token = 1.0),
            Unanswered::Unreadable,
            1,
        ),
        (faults(|f| f.huge_body = 1.0), Unanswered::Unreadable, 1),
    ];
    for (fault, expected, minted) in cases {
        stage.simulator.set_faults(fault.clone());
        let before = stage.minted_count();
        let outcome = stage.migrate(session).await;
        let CallOutcome::Unanswered(unanswered) = outcome else {
            panic!("{fault:?} {outcome:?}");
        };
        assert_eq!(unanswered, expected, "{fault:?}");
        assert_eq!(stage.minted_count() - before, minted, "{fault:?}");
    }
}

#[tokio::test]
async fn a_session_minted_after_our_timeout_is_timed_out() {
    let stage = Stage::set(Api::B2b).await.with_faults(|f| {
        f.slow_minting = 1.0;
        f.slow_minting_ms = 10_000;
    });
    let outcome = stage.migrate(stage.migratable()).await;
    assert!(
        matches!(outcome, CallOutcome::Unanswered(Unanswered::TimedOut)),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn each_refusal_has_its_judgement() {
    let stage = Stage::set(Api::B2b).await;
    let session = stage.migratable();
    let suspended = vec![stage.organization(session)];
    let cases = [
        (faults(|f| f.error_500 = 1.0), 500, Judgement::Transient),
        (faults(|f| f.error_502 = 1.0), 502, Judgement::Transient),
        (faults(|f| f.error_503 = 1.0), 503, Judgement::Transient),
        (
            faults(|f| f.error_after_minting = 1.0),
            500,
            Judgement::Transient,
        ),
        (faults(|f| f.error_429 = 1.0), 429, Judgement::Capacity),
        (
            faults(|f| f.unheard_of = 1.0),
            400,
            Judgement::Session(DeadReason::Refused),
        ),
        (
            faults(|f| f.wrong_credentials = true),
            401,
            Judgement::SetUp(PauseCause::Credentials),
        ),
        (
            faults(|f| f.suspended_organizations = suspended),
            403,
            Judgement::SetUp(PauseCause::OrganizationSuspended),
        ),
    ];
    for (fault, status, judgement) in cases {
        stage.simulator.set_faults(fault);
        let refusal = stage.refused(session).await;
        assert_eq!((refusal.status, judge(&refusal)), (status, judgement));
    }
    stage
        .simulator
        .set_faults(faults(|f| f.userinfo_missing = true));
    let refusal = stage.refused(session).await;
    let cause = Judgement::SetUp(PauseCause::UserinfoUrlMissing);
    assert_eq!(judge(&refusal), cause);
}

#[tokio::test]
async fn a_person_whom_stytch_does_not_know_is_a_missing_member() {
    for api in [Api::B2b, Api::Consumer] {
        let stage = Stage::set(api).await;
        let session = stage.in_condition(ferry_sim::Condition::MemberMissing);
        let refusal = stage.refused(session).await;
        let missing = Judgement::Session(DeadReason::MemberMissing);
        assert_eq!(judge(&refusal), missing, "{refusal:?}");
        let found = stage
            .client
            .find_member(&stage.organization(session), &stage.email(session))
            .await;
        assert_eq!(found, Ok(None));
    }
}

#[tokio::test]
async fn retry_after_comes_through_in_every_form() {
    let stage = Stage::set(Api::B2b).await;
    let session = stage.migratable();
    let asked = async |form: RetryAfter| {
        stage.simulator.set_faults(faults(|f| {
            f.error_429 = 1.0;
            f.retry_after = form;
        }));
        stage.refused(session).await.retry_after
    };
    assert_eq!(asked(RetryAfter::Absent).await, None);
    assert_eq!(asked(RetryAfter::Garbage).await, None);
    let seconds = Duration::from_secs;
    assert_eq!(asked(RetryAfter::Seconds(7)).await, Some(seconds(7)));
    assert_eq!(
        asked(RetryAfter::Seconds(86_400)).await,
        Some(seconds(86_400))
    );
    let asked = asked(RetryAfter::HttpDate(30)).await.unwrap();
    // Both dates are rounded to seconds, each by itself.
    assert!((29..=31).contains(&asked.as_secs()), "{asked:?}");
}

#[tokio::test]
async fn whoami_tells_right_credentials_from_wrong_ones() {
    let stage = Stage::set(Api::B2b).await;
    let project_id = stage.simulator.credentials().project_id.clone();
    let known = stage.client.whoami().await.unwrap();
    assert_eq!(known.project_id, project_id);
    let stranger = client(
        &stage.simulator,
        &project_id,
        "secret-test-no".into(),
        Api::B2b,
    );
    let failure = stranger.whoami().await.unwrap_err();
    let Failure::Refused(refusal) = failure else {
        panic!("{failure:?}");
    };
    assert_eq!(judge(&refusal), Judgement::SetUp(PauseCause::Credentials));
}

#[tokio::test]
async fn a_missing_member_is_created_once_and_then_its_session_crosses() {
    for api in [Api::B2b, Api::Consumer] {
        let stage = Stage::set(api).await;
        let session = stage.in_condition(ferry_sim::Condition::MemberMissing);
        let (organization, email) = (stage.organization(session), stage.email(session));
        let new = NewMember {
            organization: &organization,
            email: &email,
            name: Some("Carol Ng"),
            external_id: None,
        };
        let missing = judge(&stage.refused(session).await);
        assert_eq!(missing, Judgement::Session(DeadReason::MemberMissing));
        assert_eq!(stage.client.create_member(&new).await, Ok(Created::New));
        let again = stage.client.create_member(&new).await;
        assert_eq!(again, Ok(Created::AlreadyThere));
        stage.mint(session).await;
    }
}
