//! The whole way of an operator, from an empty folder to the report, on PostgreSQL and RabbitMQ.
//!
//! As an operator does it: settings in files, nothing in the environment, one command after the other.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use ferry_sim::export::Summary;
use ferry_sim::{Faults, Population};
use serde_json::Value;

use crate::dead::by_reason;
use crate::support::{Fleet, Outcome, ferry};

/// Some are over, some rows are no rows, and of some people Stytch knows nothing: more than go first
/// in a replay.
fn people() -> Population {
    Population {
        organizations: 3,
        expired: 0.05,
        malformed: 0.03,
        duplicated: 0.03,
        member_missing: 0.1,
        ..Population::new(200, 350)
    }
}

/// An operator at a shell.
struct Operator {
    fleet: Fleet,
    folder: PathBuf,
}

impl Operator {
    async fn new() -> Self {
        let fleet = Fleet::new(people(), Faults::default()).await;
        let folder = fleet.crossing.folder.path().to_owned();
        // What the tests' own settings would be.
        fs::remove_file(folder.join("ferry.toml")).unwrap();
        Self { fleet, folder }
    }

    fn summary(&self) -> Summary {
        self.fleet.crossing.summary
    }

    /// What a command, of which each word is one argument, tells; it ends with this exit code.
    async fn types(&self, line: &str, code: i32) -> Outcome {
        let arguments: Vec<_> = line.split(' ').collect();
        let outcome = Outcome::of(ferry(&self.folder, &arguments)).await;
        self.fleet.crossing.assert_tells_no_secret(&outcome);
        let Outcome {
            standard_error,
            standard_output,
            ..
        } = &outcome;
        assert_eq!(
            outcome.code,
            Some(code),
            "ferry {line}: {standard_error}\n{standard_output}"
        );
        outcome
    }

    /// Its last line, as JSON.
    async fn asks(&self, line: &str, code: i32) -> Value {
        self.types(line, code).await.report()
    }

    /// Fills in what `ferry init` left open.
    fn fill_in(&self) {
        let simulator = &self.fleet.crossing.simulator;
        let credentials = simulator.credentials();
        let lines = [
            format!("FERRY_STYTCH__PROJECT_ID={}", credentials.project_id),
            format!("FERRY_STYTCH__SECRET={}", credentials.secret),
            format!("FERRY_STYTCH__BASE_URL={}", simulator.base_url()),
            format!("FERRY_LEDGER__URL={}", self.fleet.ledger_url),
            format!("FERRY_QUEUE__URL={}", self.fleet.queue_url),
            format!("FERRY_QUEUE__PREFIX={}", self.fleet.prefix()),
        ];
        let secrets = self.folder.join(".env.test");
        assert!(
            fs::read_to_string(&secrets)
                .unwrap()
                .contains("FERRY_STYTCH__SECRET=")
        );
        fs::write(&secrets, lines.join("\n")).unwrap();
        let settings = self.folder.join("ferry.toml");
        let text = fs::read_to_string(&settings).unwrap();
        let text = text.replace(
            "# stytch = 20",
            "stytch = 500\nprovider = \"auth0-enterprise\"",
        );
        let text = text.replace("# keys_file = \"keys\"", "keys_file = \"keys\"");
        fs::write(&settings, text).unwrap();
    }
}

fn codes(found: &Value) -> Vec<&str> {
    let findings = found["findings"].as_array().unwrap().iter();
    findings.filter_map(|f| f["code"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_an_empty_folder_to_the_report() {
    let operator = Operator::new().await;
    let summary = operator.summary();
    let carried_in_all = summary.migratable + summary.member_missing;
    assert!(summary.member_missing > 5, "{summary:?}");
    operator.sets_up().await;
    operator.looks_ahead(&summary, carried_in_all).await;
    operator.crosses(&summary, carried_in_all).await;
    operator.mends(&summary).await;
    operator.looks_back(&summary, carried_in_all).await;
    assert_eq!(operator.fleet.minted(), carried_in_all);
}

impl Operator {
    async fn sets_up(&self) {
        let made = self.asks("init --json", 0).await;
        assert_eq!(made["written"].as_array().unwrap().len(), 4);
        self.types("keys generate --out keys", 0).await;
        self.fill_in();
        let shown = self.asks("config show --env test --json", 0).await;
        let settings = shown["settings"].as_array().unwrap();
        let rate = settings.iter().find(|s| s["name"] == "rates.stytch");
        assert_eq!(rate.unwrap()["origin"], "ferry.toml");
    }

    async fn looks_ahead(&self, summary: &Summary, carried_in_all: u64) {
        let plan = self.asks("plan sessions.csv --env test --json", 0).await;
        let coverage = &plan["coverage"];
        assert_eq!(coverage["rows"], summary.rows);
        assert_eq!(coverage["carried"], carried_in_all);
        assert_eq!(coverage["duplicates"], summary.duplicates);

        let check = self.asks("check sessions.csv --env test --json", 11).await;
        let found = ["rows_rejected", "tokens_missing", "tokens_over"];
        let expected = [
            (summary.ragged + summary.bad_date > 0).then_some(found[0]),
            (summary.missing_token > 0).then_some(found[1]),
            (summary.expired > 0).then_some(found[2]),
            Some("members_missing"),
        ];
        let expected: Vec<_> = expected.into_iter().flatten().collect();
        assert_eq!(codes(&check), expected);
    }

    async fn crosses(&self, summary: &Summary, carried_in_all: u64) {
        let enqueued = self
            .types("enqueue sessions.csv --run wave-1 --env test --json", 0)
            .await;
        assert_eq!(enqueued.books().queued, carried_in_all);
        self.types("work --until-empty --env test", 0)
            .await
            .assert_says(0, &["worker left"]);

        let dead = self.asks("dead list --env test --json", 0).await;
        assert_eq!(by_reason(&dead)["member_missing"], summary.member_missing);
        assert_eq!(dead["dead"], summary.member_missing);
        assert_eq!(dead["mirror"]["is_right"], true);
        self.types(
            "dead export missing.csv --reason member_missing --env test",
            0,
        )
        .await;
        let missing = fs::read_to_string(self.folder.join("missing.csv")).unwrap();
        assert_eq!(missing.lines().count() as u64, summary.member_missing + 1);
    }

    /// As the list says: the members are created.
    async fn mends(&self, summary: &Summary) {
        self.fleet.crossing.create_missing_members();
        let replay = "dead replay --reason member_missing --env test";
        let dry = self.asks(&format!("{replay} --dry-run --json"), 0).await;
        assert_eq!(dry["replayable"][0]["count"], summary.member_missing);
        // Those that go first are waited for, and the workers carry them: so at the same time.
        let replaying = format!("{replay} --wait --json");
        let (replayed, _) = tokio::join!(self.asks(&replaying, 0), async {
            while self.replayed().await < 5 {
                tokio::time::sleep(crate::support::LOOK_EVERY).await;
            }
            while self.replayed().await < summary.member_missing {
                self.types("work --until-empty --env test", 0).await;
            }
            self.types("work --until-empty --env test", 0).await
        });
        assert_eq!(replayed["replayed"], summary.member_missing);
        let outcome = &replayed["runs"][0]["outcomes"][0];
        assert_eq!(outcome["migrated"], summary.member_missing);
        let dead = self.asks("dead list --env test --json", 0).await;
        assert_eq!(dead["dead"], 0);
    }

    async fn looks_back(&self, summary: &Summary, carried_in_all: u64) {
        let verified = self.asks("verify wave-1 --all --env test --json", 0).await;
        assert_eq!(verified["well"], true);
        assert_eq!(verified["at_stytch"]["alive"], carried_in_all);

        let looked_up = self
            .types("lookup --file sessions.csv --env test --json", 0)
            .await;
        let answers = looked_up.standard_output.lines();
        let answers = answers.map(|line| serde_json::from_str::<Value>(line).unwrap());
        let found: HashSet<_> = answers
            .filter(|answer| answer["found"] == true)
            .map(|answer| answer["legacy_key"].to_string())
            .collect();
        assert_eq!(found.len() as u64, carried_in_all);

        let export = "mapping export --run wave-1 --out mappings.csv --env test --json";
        assert_eq!(self.asks(export, 0).await["mappings"], carried_in_all);
        let mappings = fs::read_to_string(self.folder.join("mappings.csv")).unwrap();
        assert_eq!(mappings.lines().count() as u64, carried_in_all + 1);

        let report = self.types("runs report wave-1 --env test --json", 0).await;
        let (books, report) = (report.books(), report.report());
        assert!(books.balance(), "{books:?}");
        assert_eq!((books.migrated, books.dead), (carried_in_all, 0));
        assert_eq!(books.skipped, summary.expired);
        assert_eq!(report["state"], "finished");
        let page = self
            .types("runs report wave-1 --format html --env test", 0)
            .await;
        assert!(page.standard_output.ends_with("</html>\n"));

        let deeds = self.types("audit --env test --json", 0).await;
        let deeds = deeds.standard_output.lines().map(|line| {
            let deed: Value = serde_json::from_str(line).unwrap();
            (
                deed["action"].as_str().unwrap().to_owned(),
                deed["affected"].as_u64().unwrap(),
            )
        });
        assert_eq!(
            deeds.collect::<Vec<_>>(),
            [
                ("export_mappings".to_owned(), carried_in_all),
                ("replay".to_owned(), summary.member_missing),
                ("export".to_owned(), summary.member_missing),
            ]
        );
    }

    /// How many sessions have been given another chance so far.
    async fn replayed(&self) -> u64 {
        let mut tables = self.fleet.tables().await;
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM replays")
            .fetch_one(&mut tables)
            .await
            .unwrap();
        count.unsigned_abs()
    }
}
