//! What each command tells people, in 80 columns, and programs, as it is documented.
//!
//! Pages that belong to another test's story have their snapshots there: the plan, the check, the
//! reports, the lists of runs and of the dead.

use std::fs;

use ferry_sim::{Faults, Population};
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::support::{Crossing, Fleet, Outcome, ferry, signal};

/// What differs from run to run and from machine to machine.
fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    for (pattern, shown) in [
        (
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
            "2026-01-31T12:00:00Z",
        ),
        (
            r"[\d.]+ s, [\d.]+ migrated/s",
            "[duration] s, [rate] migrated/s",
        ),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
        (r"  [^\s@]+@\S+  ", "  user@host  "),
        (r"[0-9a-f]{64}", "[digest]"),
        (r"/\S+/(sessions|demo)", "/folder/$1"),
        (r"secret-test-\S+", "secret-test-…"),
        (r"dead show \d+", "dead show 7"),
    ] {
        settings.add_filter(pattern, shown);
    }
    settings
}

/// That no line is too long for a terminal of 80 columns.
#[track_caller]
fn fits(page: &str) {
    let too_long = page.lines().find(|line| line.chars().count() > 80);
    assert_eq!(too_long, None, "in:\n{page}");
}

fn page_of(name: &str) -> String {
    let path = format!("{}/../../docs/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(path).unwrap()
}

/// That each field of each line is on this page of the documents.
#[track_caller]
fn documented(outcome: &Outcome, page: &str) {
    assert!(!outcome.standard_output.is_empty());
    // What a page says "as in the report" of is there.
    let text = [page_of(page), page_of("report.md")].concat();
    for line in outcome.standard_output.lines() {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        for name in names(&value) {
            let forms = [
                format!("`{name}`"),
                format!(".{name}`"),
                format!("{name}[]`"),
                format!("`{name}."),
                format!("`{name}[]."),
            ];
            let is_there = forms.iter().any(|form| text.contains(form));
            assert!(is_there, "docs/{page} has no field {name}");
        }
    }
}

fn names(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            let of = |(name, value): (&String, &Value)| {
                let mut all = names(value);
                all.push(name.clone());
                all
            };
            fields.iter().flat_map(of).collect()
        }
        Value::Array(values) => values.iter().flat_map(names).collect(),
        _ => Vec::new(),
    }
}

/// Takes the snapshot of what a command tells people, after it has ended with this code.
macro_rules! told {
    ($name:literal, $code:literal, $outcome:expr) => {
        let outcome = $outcome;
        outcome.assert_says($code, &[]);
        fits(&outcome.standard_output);
        settings().bind(|| insta::assert_snapshot!($name, outcome.standard_output));
    };
}

impl Crossing {
    /// The tables, past the ledger.
    async fn ledger_tables(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.data().join("ledger.sqlite"));
        options.connect().await.expect("a ledger")
    }

    /// At a rate that a forecast can be made for.
    async fn page(&self, arguments: &[&str]) -> Outcome {
        let mut command = self.command(arguments);
        command.env("FERRY_RATES__STYTCH", "500");
        self.outcome(command).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_a_run() {
    let population = Population::realistic(1_500, 370);
    let crossing = Crossing::new(population, Faults::default()).await;
    let tells = async |line: &str| {
        let arguments: Vec<_> = line.split(' ').collect();
        crossing.page(&arguments).await
    };
    told!("enqueue", 0, tells("enqueue sessions.csv --run test").await);
    documented(
        &tells("enqueue sessions.csv --run test --json").await,
        "report.md",
    );
    told!("status", 0, tells("status test").await);
    documented(&tells("status test --json").await, "report.md");
    told!("pause", 0, tells("pause test").await);
    told!("pause_again", 0, tells("pause test").await);
    documented(&tells("pause test --json").await, "json.md");
    documented(&tells("runs --json").await, "report.md");
    told!("resume", 0, tells("resume test").await);
    documented(&tells("resume test --json").await, "json.md");
    told!("cancel_dry_run", 0, tells("cancel test --dry-run").await);
    documented(&tells("cancel test --dry-run --json").await, "json.md");
    documented(&tells("check sessions.csv --json").await, "check.md");
    documented(&tells("plan sessions.csv --json").await, "plan.md");
    documented(&crossing.run().await, "report.md");

    documented(
        &tells("dead list --sessions --json").await,
        "dead-letters.md",
    );
    let replay = "dead replay --reason member_missing";
    told!(
        "dead_replay_dry_run",
        0,
        tells(&format!("{replay} --dry-run")).await
    );
    told!("dead_replay_in_vain", 3, tells(replay).await);
    told!(
        "dead_park_dry_run",
        0,
        tells("dead park --all --dry-run").await
    );
    told!("dead_park", 0, tells("dead park --all").await);
    documented(&tells("dead park --all --json").await, "dead-letters.md");
    told!("dead_list_parked", 0, tells("dead list --run test").await);
    told!("dead_park_undo", 0, tells("dead park --all --undo").await);
    let discard = "dead discard --organization nowhere";
    told!("dead_discard_nothing", 0, tells(discard).await);
    documented(
        &tells(&format!("{discard} --json")).await,
        "dead-letters.md",
    );
    let discard = "dead discard --reason userinfo_unusable";
    told!(
        "dead_discard_dry_run",
        0,
        tells(&format!("{discard} --dry-run")).await
    );
    told!("dead_discard", 0, tells(&format!("{discard} --yes")).await);
    told!("dead_export", 0, tells("dead export dead.csv").await);
    documented(
        &tells("dead export dead.ndjson --json").await,
        "dead-letters.md",
    );
    crossing.create_missing_members();
    told!("dead_replay", 0, tells(replay).await);
    documented(&tells(&format!("{replay} --json")).await, "dead-letters.md");
    told!(
        "dead_list_of_none",
        0,
        tells("dead list --reason member_missing").await
    );
    told!(
        "dead_foreign_list_of_none",
        0,
        tells("dead foreign list").await
    );

    documented(&tells("verify test --all --json").await, "report.md");
    documented(
        &tells("lookup --file sessions.csv --json").await,
        "report.md",
    );
    documented(&tells("runs report test --json").await, "report.md");
    let export = "mapping export --run test --out";
    told!(
        "mapping_export",
        0,
        tells(&format!("{export} mappings.csv")).await
    );
    documented(&tells(&format!("{export} m.csv --json")).await, "report.md");
    told!("sweep", 0, tells("sweep").await);
    documented(&tells("sweep --json").await, "json.md");
    told!("purge_dry_run", 0, tells("purge --dry-run").await);
    told!("purge", 0, tells("purge --yes").await);
    documented(&tells("purge --dry-run --json").await, "report.md");
    told!("audit", 0, tells("audit").await);
    documented(&tells("audit --json").await, "report.md");

    tells("enqueue sessions.csv --run other").await;
    told!("cancel", 0, tells("cancel other --yes").await);
    told!("cancel_again", 0, tells("cancel other --yes").await);
    documented(&tells("cancel other --yes --json").await, "json.md");
    // What only logs has nothing to tell here.
    told!("work", 0, tells("work --until-empty").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_a_fleets_dead_letter_queue() {
    let fleet = Fleet::new(Population::realistic(300, 371), Faults::default()).await;
    fleet.enqueue().await;
    fleet.work().await;
    fleet
        .publish_to("dead", Some("invoice"), "somebody's")
        .await;
    let queue = fleet.queue().await;
    let letters = fleet.status().await.books().dead + 1;
    while queue.count_dead().await.unwrap() as u64 != letters {
        tokio::time::sleep(crate::support::LOOK_EVERY).await;
    }
    queue.close().await;
    let tells = async |line: &str| {
        let arguments: Vec<_> = line.split(' ').collect();
        Outcome::of(fleet.command(&arguments)).await
    };
    told!("dead_sync", 0, tells("dead sync").await);
    documented(&tells("dead sync --json").await, "dead-letters.md");
    told!("dead_foreign_list", 0, tells("dead foreign list").await);
    let listed = tells("dead foreign list --json").await;
    documented(&listed, "dead-letters.md");
    let digest = listed.report()["digest"].as_str().unwrap()[..12].to_owned();
    let save = format!("dead foreign save {digest}");
    told!(
        "dead_foreign_save",
        0,
        tells(&format!("{save} a.bin")).await
    );
    documented(
        &tells(&format!("{save} b.bin --json")).await,
        "dead-letters.md",
    );
    told!(
        "dead_foreign_discard",
        0,
        tells(&format!("dead foreign discard {digest} --yes")).await
    );
    fleet
        .publish_to("dead", Some("invoice"), "somebody's")
        .await;
    while tells("dead sync --json").await.report()["foreign"] != 1 {}
    let discard = format!("dead foreign discard {digest} --yes --json");
    documented(&tells(&discard).await, "dead-letters.md");
    documented(&tells("check --json").await, "check.md");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_that_need_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let tells = async |line: &str| {
        let arguments: Vec<_> = line.split(' ').collect();
        Outcome::of(ferry(folder.path(), &arguments)).await
    };
    documented(&tells("init --json").await, "report.md");
    told!("status_of_none", 2, tells("status").await);
    let shown = tells("config show").await;
    shown.assert_says(0, &[]);
    settings().bind(|| insta::assert_snapshot!("config_show", shown.standard_output));
    documented(&tells("config show --json").await, "json.md");
    let made = tells("keys generate --out keys").await;
    made.assert_says(0, &[]);
    insta::assert_snapshot!("keys_generate", made.standard_error);
    let export = tells("sim export --sessions 2 --now 2026-01-31T12:00:00Z").await;
    export.assert_says(0, &[]);
    insta::assert_snapshot!("sim_export", export.standard_error);
    // Its faults depend on the order of the calls.
    let demo = tells("demo --sessions 200 --data demo").await;
    demo.assert_says(0, &[]);
    let mut settings = settings();
    settings.add_filter(r"\d+ twins revoked", "[some] twins revoked");
    let second_look = r"(?s)  \d+ attempts get a second look: .*?\bdue\n";
    settings.add_filter(second_look, "");
    settings.bind(|| insta::assert_snapshot!("demo", demo.standard_output));
    documented(
        &Outcome {
            standard_output: tells("demo --sessions 100 --data demo --json")
                .await
                .report()
                .to_string(),
            ..demo
        },
        "report.md",
    );
}

/// `script` gives the binary a terminal; what comes there.
async fn on_a_terminal(command: &Command) -> String {
    let command = command.as_std();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect();
    let mut script = Command::new("script");
    script
        .args(["--quiet", "--return", "--command"])
        .arg(words.join(" "))
        .arg("/dev/null")
        .current_dir(command.get_current_dir().unwrap())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("TERM", "xterm")
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(std::process::Stdio::null());
    let outcome = Outcome::of(script).await;
    assert_eq!(outcome.code, Some(0), "{}", outcome.standard_output);
    outcome.standard_output
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_long_shows_on_a_terminal_how_far_it_is_and_nowhere_else() {
    let crossing = Crossing::new(Population::new(60, 372), Faults::default()).await;
    crossing.run().await.assert_says(0, &[]);
    for (line, bar, last) in [
        ("verify test --all", "asking", "all is well"),
        ("verify test --sample 5", "drawing", "all is well"),
        (
            "mapping export --out mappings.csv",
            "exporting",
            "60 mappings are in",
        ),
        ("purge --yes", "wiping", "wiped the tokens"),
    ] {
        let arguments: Vec<_> = line.split(' ').collect();
        let mut command = crossing.command(&arguments);
        command.env("FERRY_RATES__STYTCH", "unlimited");
        // So that there is something to wipe.
        command.env("FERRY_RETENTION__MAPPINGS", "0s");
        if bar == "wiping" {
            let mut tables = crossing.ledger_tables().await;
            let ended = "UPDATE mappings SET expires_at = 1";
            sqlx::query(ended).execute(&mut tables).await.unwrap();
        }
        let shown = on_a_terminal(&command).await;
        assert!(shown.contains(bar), "{line}: {shown}");
        assert!(shown.contains(last), "{line}: {shown}");
        let _ = fs::remove_file(crossing.folder.path().join("mappings.csv"));
        let piped = crossing.outcome(command).await;
        piped.assert_says(0, &[]);
        let told = format!("{}{}", piped.standard_output, piped.standard_error);
        assert!(!told.contains(bar), "{line}: {told}");
    }
}

/// The first lines of a simulator that goes on.
async fn simulator(arguments: &[&str], lines: usize) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let mut command: Command = ferry(folder.path(), &["sim", "--listen", "127.0.0.1:0"]);
    let mut child = command.args(arguments).spawn().unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut standard_output = String::new();
    for _ in 0..lines {
        standard_output += &told.next_line().await.unwrap().expect("a line");
        standard_output.push('\n');
    }
    signal(&child, "TERM").await;
    let code = child.wait().await.unwrap().code();
    Outcome {
        code,
        standard_output,
        standard_error: String::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_the_simulator() {
    told!("sim", 0, simulator(&[], 5).await);
    documented(&simulator(&["--json"], 1).await, "json.md");
}

/// The commands below this one, as its help lists them.
fn subcommands(help: &str) -> Vec<&str> {
    let Some((_, list)) = help.split_once("\nCommands:\n") else {
        return Vec::new();
    };
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_has_its_json_form_documented_or_its_absence() {
    let folder = tempfile::tempdir().unwrap();
    let text = page_of("json.md");
    let (with, without) = text.split_once("Without `--json` are").unwrap();
    let (without, _) = without.split_once("## Fields").unwrap();
    let mut commands = vec![String::new()];
    let mut wrong = Vec::new();
    while let Some(path) = commands.pop() {
        let arguments: Vec<_> = path.split_whitespace().chain(["--help"]).collect();
        let mut command = ferry(folder.path(), &arguments);
        command.env("COLUMNS", "80");
        let help = Outcome::of(command).await.standard_output;
        let below = subcommands(&help);
        commands.extend(below.iter().map(|name| format!("{path} {name}")));
        let (has, runs) = (help.contains("--json"), below.is_empty());
        let told = |text: &str| text.contains(&format!("`ferry{path}`"));
        if has != told(with) || (runs && !has && !told(without)) {
            wrong.push(path);
        }
    }
    assert_eq!(wrong, [""; 0]);
}
