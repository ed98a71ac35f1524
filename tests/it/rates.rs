//! Rates, waits and outages: what Stytch says is obeyed, and costs no session.

use std::sync::{Arc, Mutex};

use ferry_core::ceiling::CeilingConfig;
use ferry_sim::{Faults, Options, Population, RetryAfter};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::{Crossing, LOOK_EVERY, Outcome, open_ledger};

async fn crossing(sessions: u64, seed: u64, faults: Faults) -> Crossing {
    Crossing::new(Population::new(sessions, seed), faults).await
}

impl Crossing {
    fn run_at(&self, rate: &str) -> Command {
        let run = ["run", "sessions.csv", "--run", "test", "--json"];
        let mut command = self.command(&run);
        command.args(["--rate", rate]);
        command
    }

    /// A run whose sessions die of the first attempt that they spend.
    fn run_without_a_second_attempt(&self, rate: &str) -> Command {
        let mut command = self.run_at(rate);
        command.env("FERRY_RETRY__MAX_ATTEMPTS", "1");
        command
    }

    async fn ended(&self, child: Child) -> Outcome {
        let outcome = Outcome::from(child.wait_with_output().await.expect("it ends"));
        self.assert_tells_no_secret(&outcome);
        outcome
    }

    /// Migrate calls so far that did not end as `ok`.
    fn failed_calls(&self) -> u64 {
        let audit = self.simulator.audit();
        let migrate = audit.calls.get("migrate").into_iter().flatten();
        let failed = migrate.filter(|(outcome, _)| *outcome != "ok");
        failed.map(|(_, calls)| calls).sum()
    }

    /// Waits until the simulator has failed so many migrate calls.
    async fn until_failed(&self, calls: u64) {
        while self.failed_calls() < calls {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn assert_all_cross(&self, command: Command) -> Outcome {
        let outcome = self.outcome(command).await;
        outcome.assert_says(0, &[]);
        self.assert_all_crossed(&outcome).await;
        outcome
    }
}

/// Half of all calls are told 429; nobody can afford a single attempt.
async fn told_to_wait(retry_after: RetryAfter, seed: u64) {
    let faults = Faults {
        error_429: 0.5,
        retry_after,
        ..Faults::default()
    };
    let crossing = crossing(40, seed, faults).await;
    let command = crossing.run_without_a_second_attempt("unlimited");
    crossing.assert_all_cross(command).await;
    let audit = crossing.simulator.audit();
    assert!(audit.calls_of("migrate", "too_many_requests") > 0);
}

/// Fault 27.
#[tokio::test(flavor = "multi_thread")]
async fn told_to_wait_in_seconds_nobody_spends_an_attempt() {
    told_to_wait(RetryAfter::Seconds(1), 401).await;
}

/// Fault 27.
#[tokio::test(flavor = "multi_thread")]
async fn told_to_wait_until_a_date_nobody_spends_an_attempt() {
    told_to_wait(RetryAfter::HttpDate(1), 402).await;
}

/// Fault 27.
#[tokio::test(flavor = "multi_thread")]
async fn told_to_wait_without_a_time_nobody_spends_an_attempt() {
    told_to_wait(RetryAfter::Absent, 403).await;
}

/// Fault 27.
#[tokio::test(flavor = "multi_thread")]
async fn told_to_wait_in_garbage_nobody_spends_an_attempt() {
    told_to_wait(RetryAfter::Garbage, 404).await;
}

/// Fault 27.
#[tokio::test(flavor = "multi_thread")]
async fn told_to_wait_for_a_day_the_run_pauses_and_the_same_command_goes_on() {
    let faults = Faults {
        error_429: 1.0,
        retry_after: RetryAfter::Huge,
        ..Faults::default()
    };
    let crossing = crossing(40, 405, faults).await;
    let command = crossing.run_without_a_second_attempt("unlimited");
    let paused = crossing.outcome(command).await;
    paused.assert_says(4, &["Stytch asked for a long wait"]);
    assert_eq!(paused.report()["pause_cause"], "long_wait");
    assert_eq!((paused.books().dead, paused.books().open()), (0, 40));
    crossing.simulator.set_faults(Faults::default());
    let command = crossing.run_without_a_second_attempt("unlimited");
    crossing.assert_all_cross(command).await;
}

/// Fault 27.
#[tokio::test(flavor = "multi_thread")]
async fn other_kinds_of_429_spend_no_attempt_and_lower_no_rate() {
    for (seed, name) in [
        (406, "captcha_failed"),
        (407, "too_few_tokens_authenticated"),
    ] {
        let faults = Faults {
            error_429: 0.3,
            error_429_type: name.to_owned(),
            ..Faults::default()
        };
        let crossing = crossing(60, seed, faults).await;
        let command = crossing.run_without_a_second_attempt("200");
        crossing.assert_all_cross(command).await;
        assert!(crossing.simulator.audit().calls_of("migrate", name) > 0);
        let ledger = open_ledger(&crossing.data()).await;
        let budgets = ledger.budgets().await.expect("budgets");
        assert_eq!(budgets.len(), 1);
        let config = CeilingConfig::of(budgets[0].configured);
        assert!(!budgets[0].ceiling.is_lowered(config), "{budgets:?}");
        ledger.close().await;
    }
}

/// Fails in the middle of a run, until the worker has said so and two canaries have failed.
async fn an_outage(faults: Faults, seed: u64) {
    let crossing = crossing(400, seed, Faults::default()).await;
    let mut child = crossing.run_at("200").spawn().expect("the binary starts");
    let log = Log::of(&mut child);
    crossing.until_minted(50).await;
    crossing.simulator.set_faults(faults);
    log.until_it_says("Stytch is failing").await;
    crossing.until_failed(crossing.failed_calls() + 2).await;
    crossing.simulator.set_faults(Faults::default());
    log.until_it_says("Stytch answers again").await;
    let outcome = crossing.ended(child).await;
    outcome.assert_says(0, &[]);
    crossing.assert_all_crossed(&outcome).await;
    assert_eq!(outcome.books().dead, 0);
}

/// What a process has logged so far.
struct Log(Arc<Mutex<String>>);

impl Log {
    fn of(child: &mut Child) -> Self {
        let lines = child.stderr.take().expect("standard error is piped");
        let log = Arc::new(Mutex::new(String::new()));
        let writing = Arc::clone(&log);
        tokio::spawn(async move {
            let mut lines = BufReader::new(lines).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                writing.lock().unwrap().push_str(&line);
            }
        });
        Self(log)
    }

    async fn until_it_says(&self, saying: &str) {
        while !self.0.lock().unwrap().contains(saying) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Fault 26.
#[tokio::test(flavor = "multi_thread")]
async fn while_a_third_of_all_calls_fails_few_are_made_and_all_sessions_cross_afterwards() {
    let faults = Faults {
        error_500: 0.12,
        error_502: 0.12,
        error_503: 0.12,
        ..Faults::default()
    };
    an_outage(faults, 408).await;
}

/// Fault 26.
#[tokio::test(flavor = "multi_thread")]
async fn while_all_calls_fail_canaries_ask_and_all_sessions_cross_afterwards() {
    let faults = Faults {
        error_500: 0.4,
        error_502: 0.3,
        error_503: 1.0,
        ..Faults::default()
    };
    an_outage(faults, 409).await;
}

/// Fault 30.
#[tokio::test(flavor = "multi_thread")]
async fn credentials_revoked_in_the_middle_pause_the_run_and_it_goes_on_when_they_are_mended() {
    let crossing = crossing(400, 410, Faults::default()).await;
    let child = crossing.run_at("100").spawn().expect("the binary starts");
    crossing.until_minted(50).await;
    crossing.simulator.set_faults(Faults {
        wrong_credentials: true,
        ..Faults::default()
    });
    let paused = crossing.ended(child).await;
    paused.assert_says(4, &["FERRY_STYTCH__SECRET"]);
    assert_eq!(paused.report()["pause_cause"], "credentials");
    let books = paused.books();
    assert_eq!((books.dead, books.running), (0, 0), "{books:?}");
    assert!(books.migrated >= 50 && books.open() > 0, "{books:?}");

    crossing.simulator.set_faults(Faults::default());
    crossing
        .ferry(&["resume", "test"])
        .await
        .assert_says(0, &[]);
    crossing
        .assert_all_cross(crossing.run_at("unlimited"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_mapped_wrongly_pauses_a_run_of_100_000_before_500_calls() {
    let crossing = crossing(100_000, 411, Faults::default()).await;
    let mut command = crossing.run_at("unlimited");
    command.env("FERRY_EXPORT__COLUMNS__ORGANIZATION", "subject");
    let paused = crossing.outcome(command).await;
    paused.assert_says(
        4,
        &["organization_missing", "a column is likely mapped wrongly"],
    );
    assert_eq!(paused.report()["pause_cause"], "failure_burst");
    let books = paused.books();
    assert!(books.dead >= 100 && books.open() > 99_000, "{books:?}");
    let calls = crossing.failed_calls();
    assert!(calls < 500, "{calls} calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_retries_of_a_few_at_the_end_of_a_run_are_no_burst() {
    let population = Population::realistic(4000, 413);
    let crossing = Crossing::new(population, Faults::default()).await;
    assert!(crossing.summary.revoked > 20, "{:?}", crossing.summary);
    let outcome = crossing.outcome(crossing.run_at("unlimited")).await;
    outcome.assert_says(3, &[]);
    crossing.assert_all_crossed(&outcome).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_second_has_more_calls_than_the_rate() {
    let crossing = crossing(250, 412, Faults::default()).await;
    crossing.assert_all_cross(crossing.run_at("50")).await;
    let windows = crossing.simulator.audit().windows;
    // At the receiver the operating system may have jumbled them a little.
    let most = windows.busiest_sliding_migrate;
    assert!((30..=60).contains(&most), "{most} calls in a second");
}

/// One in 5,000 sessions' people has 200 devices. An hour passes in a minute, so the provider's bucket
/// of ten calls, then five a minute for each person, is filled at five a second.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_200_devices_is_never_refused_and_delays_nobody() {
    let crossing = Crossing::with(Options {
        population: Population {
            devices: std::iter::once(200).chain([1; 4_800]).collect(),
            shortest_token_life_seconds: 43_200,
            ..Population::new(5_000, 70)
        },
        faults: Faults {
            userinfo_person_limit: true,
            ..Faults::default()
        },
        time_scale: 60.0,
        ..Options::default()
    })
    .await;
    let mut run = crossing.run_without_a_second_attempt("250");
    run.env("FERRY_RATES__PROVIDER", "custom")
        .env("FERRY_RATES__USERINFO", "1000")
        .env("FERRY_RATES__SUBJECT_BURST", "8")
        .env("FERRY_RATES__SUBJECT_PER_MINUTE", "270");
    let run = run.spawn().expect("the binary starts");
    crossing.until_minted(4_000).await;
    let others_are_through = loop {
        let status = crossing.ferry(&["status", "test", "--json"]).await.books();
        if status.queued == 0 {
            break status;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    assert!(others_are_through.waiting > 20, "{others_are_through:?}");
    let outcome = crossing.ended(run).await;
    outcome.assert_says(0, &[]);
    crossing.assert_all_crossed(&outcome).await;
    let audit = crossing.simulator.audit();
    let answers: Vec<_> = audit.calls["userinfo"].keys().collect();
    assert_eq!(answers, ["ok"]);
}
