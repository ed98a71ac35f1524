//! A Stytch that is away, is something else, or is not the one that was meant.

use std::collections::HashSet;
use std::time::Duration;

use ferry_sim::{Faults, Options, Population, SessionState, Simulator};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{Crossing, LOOK_EVERY, Outcome, open_ledger};

async fn crossing(sessions: u64, seed: u64) -> Crossing {
    Crossing::new(Population::new(sessions, seed), Faults::default()).await
}

impl Crossing {
    /// Stytch comes back, at the same address and without a memory of what it minted.
    async fn start_again(&mut self) {
        let options = Options {
            address: self.simulator.address(),
            population: self.simulator.population().clone(),
            ..Options::default()
        };
        self.simulator = Simulator::start(options).await.expect("a simulator");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn away_at_the_start_it_is_told_what_to_check_and_the_same_command_goes_on_later() {
    let mut crossing = crossing(30, 160).await;
    crossing.simulator.stop().await;
    let away = crossing.outcome(crossing.run_command()).await;
    away.assert_says(
        75,
        &[
            "no connection to Stytch",
            "check stytch.base_url, DNS, the firewall",
            "the same command goes on",
        ],
    );
    crossing.start_again().await;
    let outcome = crossing.outcome(crossing.run_command()).await;
    outcome.assert_says(0, &[]);
    crossing.assert_all_crossed(&outcome).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn away_in_the_middle_it_is_waited_for_and_no_session_dies_of_it() {
    let mut crossing = crossing(300, 161).await;
    let command = [
        "run",
        "sessions.csv",
        "--run",
        "test",
        "--rate",
        "100",
        "--json",
    ];
    let child = crossing
        .command(&command)
        .spawn()
        .expect("the binary starts");
    crossing.until_minted(50).await;
    crossing.simulator.stop().await;
    let minted_before: HashSet<_> = ids(&crossing.simulator, |_| true);
    until_waiting(&crossing, 5).await;
    crossing.start_again().await;
    let outcome = Outcome::from(child.wait_with_output().await.expect("it ends"));
    crossing.assert_tells_no_secret(&outcome);
    outcome.assert_says(0, &[]);
    let books = outcome.books();
    assert!(books.balance(), "{books:?}");
    assert_eq!((books.migrated, books.dead, books.skipped), (300, 0, 0));
    assert_eq!(outcome.audit("unresolved"), 0);
    assert_eq!(outcome.audit("unverifiable"), 0);

    let mut alive = ids(&crossing.simulator, |state| state == SessionState::Alive);
    let ledger = open_ledger(&crossing.data()).await;
    let mappings = ledger.mappings(None, u32::MAX).await.expect("mappings");
    assert_eq!(mappings.len(), 300);
    for mapping in mappings {
        let id = &mapping.member_session_id;
        assert!(alive.remove(id) || minted_before.contains(id), "{id}");
    }
    assert_eq!(alive.len(), 0, "sessions alive that nobody recorded");
}

fn ids(simulator: &Simulator, which: impl Fn(SessionState) -> bool) -> HashSet<String> {
    let minted = simulator.sessions().into_iter();
    let minted = minted.filter(|session| which(session.state));
    minted.map(|session| session.session_id).collect()
}

/// Until so many sessions of the run wait for Stytch.
async fn until_waiting(crossing: &Crossing, sessions: u64) {
    let looking = async {
        loop {
            let status = crossing.ferry(&["status", "test", "--json"]).await;
            if status.books().waiting >= sessions {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, looking)
        .await
        .expect("they wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_url_that_answers_web_pages_is_told_before_any_session_is_called() {
    let crossing = crossing(20, 162).await;
    let mut command = crossing.run_command();
    command.env("FERRY_STYTCH__BASE_URL", web_server("200 OK").await);
    let refused = crossing.outcome(command).await;
    refused.assert_says(4, &["is not Stytch's API", "check stytch.base_url"]);
    let outcome = crossing.outcome(crossing.run_command()).await;
    crossing.assert_all_crossed(&outcome).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_url_that_finds_nothing_pauses_the_run_and_costs_no_session() {
    let crossing = crossing(20, 163).await;
    let mut command = crossing.run_command();
    command.env("FERRY_STYTCH__BASE_URL", web_server("404 Not Found").await);
    let paused = crossing.outcome(command).await;
    paused.assert_says(
        4,
        &["mend stytch.base_url: what answers there is not Stytch"],
    );
    assert_eq!(paused.report()["pause_cause"], "wrong_endpoint");
    assert_eq!((paused.books().queued, paused.books().dead), (20, 0));
    let outcome = crossing.outcome(crossing.run_command()).await;
    crossing.assert_all_crossed(&outcome).await;
}

/// Answers whatever comes with a web page, as long as the test lasts.
async fn web_server(status: &'static str) -> String {
    const PAGE: &str = "<html><body>It works!</body></html>";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // A request of these tests comes in one piece.
                let mut request = vec![0; 64 * 1024];
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let length = PAGE.len();
                    let reply = format!(
                        "HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {length}\r\n\r\n{PAGE}"
                    );
                    if stream.write_all(reply.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_was_not_meant_is_refused_before_anything_is_called() {
    const LIVE: &str = "project-live-00000000-0000-4000-8000-000000000001";
    let crossing = crossing(3, 164).await;
    std::fs::write(crossing.folder.path().join(".env.test"), "").unwrap();
    std::fs::write(crossing.folder.path().join(".env.live"), "").unwrap();
    let run = async |project: &str, arguments: &[&str]| {
        let mut command = crossing.command(&["run", "sessions.csv"]);
        command
            .args(arguments)
            .env("FERRY_STYTCH__PROJECT_ID", project);
        crossing.outcome(command).await
    };
    let test = crossing.simulator.credentials().project_id.clone();
    let refused = run(LIVE, &[]).await;
    refused.assert_says(2, &["a live project needs --env live"]);
    let refused = run(LIVE, &["--env", "test"]).await;
    refused.assert_says(2, &["the project is live, but --env says test"]);
    let refused = run(&test, &["--env", "live"]).await;
    refused.assert_says(2, &["the project is a test one, but --env says live"]);
    let refused = run("project-1", &[]).await;
    refused.assert_says(2, &["`project-test-`", "copy it from the Stytch Dashboard"]);
    let refused = run("", &[]).await;
    refused.assert_says(2, &["no Stytch project", ".env.test", "--env test"]);
    assert_eq!(crossing.simulator.audit().sessions.minted, 0);
    assert!(!crossing.data().exists(), "no data folder is made");
}

#[tokio::test(flavor = "multi_thread")]
async fn off_loopback_an_unlimited_rate_and_plain_http_are_refused() {
    let crossing = crossing(3, 165).await;
    for (url, rate, sayings) in [
        (
            "https://stytch.example",
            "unlimited",
            ["on loopback", "rates.stytch a number"],
        ),
        ("http://stytch.example", "5", ["plain http", "https://"]),
        (
            "https://stytch.example/v1",
            "5",
            ["has a path", "host and port only"],
        ),
    ] {
        let mut command = crossing.command(&["run", "sessions.csv", "--rate", rate]);
        command.env("FERRY_STYTCH__BASE_URL", url);
        crossing.outcome(command).await.assert_says(2, &sayings);
    }
    for rate in ["0", "fast", "99999"] {
        let refused = crossing
            .ferry(&["run", "sessions.csv", "--rate", rate])
            .await;
        refused.assert_says(2, &["--rate", "calls per second", "to 10000, or unlimited"]);
    }
}
