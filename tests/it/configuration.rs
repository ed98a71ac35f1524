//! Settings: where they come from, which are refused, and what is shown of them.

use std::fs;

use ferry_sim::{Faults, Population};
use tokio::process::Command;

use crate::support::{Crossing, Outcome};

/// Stands for whatever secret was written into the wrong place.
const CANARY: &str = "secret-test-canary-0123456789abcdef";

async fn crossing(seed: u64) -> Crossing {
    Crossing::new(Population::new(5, seed), Faults::default()).await
}

impl Crossing {
    /// The outcome of `ferry config show` with this `ferry.toml`.
    pub(crate) async fn configured(&self, settings: &str) -> Outcome {
        fs::write(self.folder.path().join("ferry.toml"), settings).unwrap();
        let outcome = self.ferry(&["config", "show"]).await;
        for text in [&outcome.standard_output, &outcome.standard_error] {
            assert!(!text.contains("canary"), "{text}");
        }
        outcome
    }

    /// The binary without a project in its environment.
    fn without_project(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command
            .env_remove("FERRY_STYTCH__PROJECT_ID")
            .env_remove("FERRY_STYTCH__SECRET");
        command
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_settings_file_the_defaults_are_in_force() {
    let crossing = crossing(180).await;
    fs::remove_file(crossing.folder.path().join("ferry.toml")).unwrap();
    let outcome = crossing.outcome(crossing.run_command()).await;
    outcome.assert_says(0, &[]);
    crossing.assert_all_crossed(&outcome).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_setting_is_refused_with_the_nearest_one() {
    let crossing = crossing(181).await;
    for (settings, sayings) in [
        (
            "[stytch]\ncall_timout = \"3s\"\n",
            [
                "unknown setting \"call_timout\" in [stytch] (from ferry.toml)",
                "did you mean \"call_timeout\"?",
            ],
        ),
        (
            "[export.columns]\nemial = \"mail\"\n",
            [
                "unknown setting \"emial\" in [export.columns]",
                "did you mean \"email\"?",
            ],
        ),
        (
            "[wroker]\nconcurrency = 3\n",
            ["unknown section [wroker]", "did you mean \"worker\"?"],
        ),
    ] {
        crossing.configured(settings).await.assert_says(2, &sayings);
    }
    fs::write(crossing.folder.path().join("ferry.toml"), "").unwrap();
    let mut command = crossing.command(&["config", "show"]);
    command.env("FERRY_WORKER__CONCURENCY", "3");
    let refused = crossing.outcome(command).await;
    refused.assert_says(
        2,
        &["\"concurency\"", "(from environment)", "\"concurrency\"?"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_the_wrong_kind_is_refused_with_what_is_wanted_and_not_shown() {
    let crossing = crossing(182).await;
    for (section, setting, sayings) in [
        (
            "worker",
            format!("concurrency = {CANARY:?}"),
            ["worker.concurrency", "a whole number"],
        ),
        (
            "worker",
            "concurrency = -3".into(),
            ["worker.concurrency", "not below 0"],
        ),
        (
            "stytch",
            "call_timeout = 30".into(),
            ["stytch.call_timeout", "\"30s\""],
        ),
        (
            "stytch",
            format!("call_timeout = {CANARY:?}"),
            ["stytch.call_timeout", "\"30s\""],
        ),
        (
            "stytch",
            format!("api = {CANARY:?}"),
            ["stytch.api", "b2b or consumer"],
        ),
        (
            "export",
            format!("required_scopes = {CANARY:?}"),
            ["export.required_scopes", "a list"],
        ),
        (
            "export",
            format!("key_from_token = {CANARY:?}"),
            ["export.key_from_token", "true or false"],
        ),
        (
            "health",
            format!("listen = {CANARY:?}"),
            ["health.listen", "0.0.0.0:9090"],
        ),
        (
            "health",
            "listen = 9090".into(),
            ["health.listen", "an address and a port"],
        ),
    ] {
        let refused = crossing
            .configured(&format!("[{section}]\n{setting}\n"))
            .await;
        refused.assert_says(2, &sayings);
        refused.assert_says(2, &["(from ferry.toml)"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_out_of_range_is_refused_with_the_range() {
    let crossing = crossing(183).await;
    for (section, setting, saying) in [
        (
            "worker",
            "concurrency = 0",
            "worker.concurrency is 0: give 1 to 1024",
        ),
        (
            "retry",
            "max_attempts = 101",
            "retry.max_attempts is 101: give 1 to 100",
        ),
        (
            "retry",
            "max_unknown_outcomes = 0",
            "retry.max_unknown_outcomes is 0: give 1 to 1000",
        ),
        (
            "ledger",
            "connections = 1",
            "ledger.connections is 1: give 2 to 64",
        ),
        (
            "sessions",
            "cap_minutes = 4",
            "sessions.cap_minutes is 4: give 5 to 527040",
        ),
        (
            "stytch",
            "call_timeout = \"99s\"",
            "stytch.call_timeout is 1m 39s: give 1s to 60s",
        ),
        (
            "worker",
            "lease = \"1s\"",
            "worker.lease (1s) must be at least twice stytch.call_timeout (10s)",
        ),
        (
            "worker",
            "quiet = \"1s\"",
            "worker.quiet (1s) must be at least stytch.call_timeout (10s)",
        ),
        (
            "export.columns.custom_claims",
            "sub = \"x\"",
            "\"sub\" is reserved; give it another name",
        ),
    ] {
        let refused = crossing
            .configured(&format!("[{section}]\n{setting}\n"))
            .await;
        refused.assert_says(2, &[saying]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_the_settings_file_is_refused_without_being_shown() {
    let crossing = crossing(184).await;
    let sayings = [
        "must not stand in ferry.toml",
        ".env.test or .env.live (mode 0600)",
    ];
    // Although the environment stands over the file.
    let refused = crossing
        .configured(&format!("[stytch]\nsecret = {CANARY:?}\n"))
        .await;
    refused.assert_says(2, &sayings);
    let refused = crossing
        .configured(&format!("[data]\nkeys = \"seal k1 {CANARY}\"\n"))
        .await;
    refused.assert_says(2, &sayings);
    for (section, scheme) in [("ledger", "postgres"), ("queue", "amqp")] {
        let refused = crossing
            .configured(&format!(
                "[{section}]\nurl = \"{scheme}://ferry:{CANARY}@host\"\n"
            ))
            .await;
        refused.assert_says(2, &sayings);
        refused.assert_says(2, &[&format!("{section}.url")]);
    }
    // Nor by the parser, which would show the line.
    for broken in [
        format!("secret = \"{CANARY}\n"),
        format!("secret = {CANARY}\n"),
    ] {
        let refused = crossing.configured(&format!("[stytch]\n{broken}")).await;
        refused.assert_says(2, &["ferry.toml", "at line 2"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_env_file_that_is_missing_or_broken_is_told_without_its_lines() {
    let crossing = crossing(185).await;
    let run = ["run", "sessions.csv", "--env", "test"];
    let refused = crossing.ferry(&run).await;
    refused.assert_says(
        2,
        &[
            "no .env.test in this folder",
            "put FERRY_STYTCH__PROJECT_ID",
        ],
    );
    let broken = format!("STYTCH_PROJECT_ID=project-test-1\nthe secret: {CANARY}\n");
    fs::write(crossing.folder.path().join(".env.test"), broken).unwrap();
    let refused = crossing.ferry(&run).await;
    refused.assert_says(2, &[".env.test, setting 2: want NAME=value"]);
    assert!(!refused.standard_error.contains("canary"));
    let refused = crossing
        .ferry(&["run", "sessions.csv", "--config", "nowhere.toml"])
        .await;
    refused.assert_says(2, &["nowhere.toml is not a file"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn project_and_secret_are_read_from_the_env_file() {
    let crossing = crossing(186).await;
    let credentials = crossing.simulator.credentials();
    let file = format!(
        "# The vendor's own names are understood.\nSTYTCH_PROJECT_ID={}\nSTYTCH_SECRET=\"{}\"\n",
        credentials.project_id, credentials.secret
    );
    fs::write(crossing.folder.path().join(".env.test"), file).unwrap();
    let run = ["run", "sessions.csv", "--rate", "unlimited", "--json"];
    let refused = crossing.outcome(crossing.without_project(&run)).await;
    refused.assert_says(2, &["no Stytch project", "--env test"]);
    let mut command = crossing.without_project(&run);
    command.args(["--env", "test"]);
    let outcome = crossing.outcome(command).await;
    outcome.assert_says(0, &[]);
    crossing.assert_all_crossed(&outcome).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn config_show_tells_each_origin_and_hides_secrets() {
    let crossing = crossing(187).await;
    let settings = "[worker]\nconcurrency = 5\nlease = \"45s\"\n[retry]\nmax_attempts = 4\n";
    fs::write(crossing.folder.path().join("ferry.toml"), settings).unwrap();
    let env_file = format!("FERRY_STYTCH__SECRET={CANARY}\nFERRY_WORKER__CONCURRENCY=6\n");
    fs::write(crossing.folder.path().join(".env.test"), env_file).unwrap();
    let mut command = crossing.command(&["config", "show", "--env", "test", "--data", "elsewhere"]);
    command
        .env_remove("FERRY_STYTCH__SECRET")
        .env("FERRY_RETRY__MAX_ATTEMPTS", "3")
        .env("FERRY_DATA__KEYS", CANARY)
        .env(
            "FERRY_LEDGER__URL",
            format!("postgres://{CANARY}:{CANARY}@db:6432/ferry?password={CANARY}"),
        )
        .env("FERRY_QUEUE__URL", format!("amqps://{CANARY}@rabbit"))
        .env("FERRY_HEALTH__LISTEN", "127.0.0.1:9090");
    let shown = crossing.outcome(command).await;
    shown.assert_says(0, &[]);
    let lines: Vec<_> = shown
        .standard_output
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for line in [
        "data.folder = \"elsewhere\" # command line",
        "data.keys = \"(hidden)\" # environment",
        "health.listen = \"127.0.0.1:9090\" # environment",
        "ledger.url = \"postgres://(hidden)@db:6432/ferry\" # environment",
        "queue.url = \"amqps://(hidden)@rabbit\" # environment",
        "retry.cap = \"5m\" # default",
        "retry.max_attempts = 3 # environment",
        "stytch.secret = \"(hidden)\" # .env.test",
        "worker.concurrency = 6 # .env.test",
        "worker.lease = \"45s\" # ferry.toml",
    ] {
        assert!(
            lines.iter().any(|shown| shown == line),
            "{line}: {lines:#?}"
        );
    }
    assert!(!shown.standard_output.contains("canary"));
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_fleet_is_refused_with_the_reason_and_the_remedy() {
    let crossing = crossing(189).await;
    let ledger = (
        "FERRY_LEDGER__URL",
        format!("postgres://ferry:{CANARY}@db/ferry"),
    );
    let queue = ("FERRY_QUEUE__URL", format!("amqp://ferry:{CANARY}@rabbit"));
    let status = async |settings: &[&(&str, String)], sayings: &[&str]| {
        let mut command = crossing.command(&["status"]);
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        let refused = crossing.outcome(command).await;
        refused.assert_says(2, sayings);
        assert!(!refused.standard_error.contains("canary"));
    };
    status(
        &[&queue],
        &["this machine's disk", "Set FERRY_LEDGER__URL too"],
    )
    .await;
    status(
        &[&ledger],
        &["no way to wake the workers", "Set FERRY_QUEUE__URL too"],
    )
    .await;
    status(
        &[&ledger, &queue],
        &["no key ring", "`ferry keys generate`"],
    )
    .await;
    let wrong = ("FERRY_QUEUE__URL", format!("https://ferry:{CANARY}@rabbit"));
    status(&[&ledger, &wrong], &["queue.url", "write amqp://"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_on_configuration_is_what_the_binary_prints() {
    let crossing = crossing(188).await;
    let printed = crossing
        .ferry(&["config", "reference"])
        .await
        .standard_output;
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let page = fs::read_to_string(page).unwrap_or_default();
    assert!(
        page == printed,
        "docs/configuration.md is out of date: ferry config reference > docs/configuration.md"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_between_the_fields_is_read_when_it_is_set() {
    let crossing = crossing(190).await;
    let export = fs::read_to_string(crossing.export()).unwrap();
    fs::write(
        crossing.export(),
        export.replace('|', ":").replace(',', "|"),
    )
    .unwrap();
    let mut command = crossing.run_command();
    command.env("FERRY_EXPORT__DELIMITER", "pipe");
    let outcome = crossing.outcome(command).await;
    crossing.assert_all_crossed(&outcome).await;
}
