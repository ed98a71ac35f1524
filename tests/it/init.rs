//! `ferry init`, and manners of all commands.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use ferry_sim::{Faults, Population};

use crate::support::{Crossing, Outcome, ferry};

const FILES: [&str; 4] = [".gitignore", "ferry.toml", ".env.test", ".env.live"];

#[tokio::test(flavor = "multi_thread")]
async fn init_makes_what_a_first_run_needs() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = Outcome::of(ferry(folder.path(), &["init"])).await;
    outcome.assert_says(0, &[]);
    insta::assert_snapshot!("init", outcome.standard_output);
    for name in [".env.test", ".env.live"] {
        let mode = fs::metadata(folder.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    for env in ["test", "live"] {
        let shown = Outcome::of(ferry(folder.path(), &["config", "show", "--env", env])).await;
        shown.assert_says(0, &[]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_setting_that_init_suggests_exists() {
    let folder = tempfile::tempdir().unwrap();
    Outcome::of(ferry(folder.path(), &["init"]))
        .await
        .assert_says(0, &[]);
    let path = folder.path().join("ferry.toml");
    let commented = fs::read_to_string(&path).unwrap();
    let is_setting = |line: &&str| line.starts_with("# ") && line.contains(" = ");
    assert!(commented.lines().filter(is_setting).count() > 10);
    let lines = commented.lines().map(|line| match line.strip_prefix("# ") {
        Some(setting) if setting.contains(" = ") => setting,
        _ => line,
    });
    let without_servers = |line: &&str| !line.starts_with("keys_file");
    let all: Vec<_> = lines.filter(without_servers).collect();
    fs::write(&path, all.join("\n")).unwrap();
    let shown = Outcome::of(ferry(folder.path(), &["config", "show"])).await;
    shown.assert_says(0, &[]);
    assert!(
        shown
            .standard_output
            .contains("sessions.default_lifetime = \"8h\"")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_exists_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".env.live"), "mine").unwrap();
    fs::write(folder.path().join(".gitignore"), "mine").unwrap();
    let made = Outcome::of(ferry(folder.path(), &["init"])).await;
    made.assert_says(0, &[]);
    for saying in [
        "wrote ferry.toml",
        ".env.live exists, and is left as it is",
        "These lines belong into .gitignore",
    ] {
        assert!(
            made.standard_output.contains(saying),
            "{}",
            made.standard_output
        );
    }
    let before = FILES.map(|name| fs::read(folder.path().join(name)).unwrap());
    assert_eq!(before[3], b"mine");
    let again = Outcome::of(ferry(folder.path(), &["init", "--json"])).await;
    again.assert_says(0, &[]);
    assert_eq!(again.report()["written"], serde_json::json!([]));
    assert_eq!(again.report()["left_alone"], serde_json::json!(FILES));
    let after = FILES.map(|name| fs::read(folder.path().join(name)).unwrap());
    assert_eq!(before, after);
}

/// The commands below this one, as its help lists them.
fn subcommands(help: &str) -> Vec<String> {
    let Some((_, list)) = help.split_once("\nCommands:\n") else {
        return Vec::new();
    };
    let names = list.lines().take_while(|line| !line.is_empty());
    let names = names.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_has_help_with_an_example() {
    let folder = tempfile::tempdir().unwrap();
    let mut commands = vec![Vec::<String>::new()];
    let (mut seen, mut without) = (0, Vec::new());
    while let Some(path) = commands.pop() {
        let mut arguments: Vec<_> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let mut command = ferry(folder.path(), &arguments);
        command.env("COLUMNS", "80");
        let help = Outcome::of(command).await;
        help.assert_says(0, &[]);
        let help = help.standard_output;
        let below = subcommands(&help);
        seen += 1;
        if below.is_empty() && !help.contains("Example") {
            without.push(path.join(" "));
        }
        assert!(!help.contains('\u{1b}'), "no colour without a terminal");
        commands.extend(below.into_iter().map(|name| [&path[..], &[name]].concat()));
    }
    assert!(seen > 25, "{seen}");
    assert_eq!(without, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typo_suggests_the_command_and_completions_know_it() {
    let folder = tempfile::tempdir().unwrap();
    let typo = Outcome::of(ferry(folder.path(), &["verfy"])).await;
    typo.assert_says(2, &["a similar subcommand exists: 'verify'"]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = Outcome::of(ferry(folder.path(), &["completions", shell])).await;
        script.assert_says(0, &[]);
        assert!(script.standard_output.contains("verify"), "{shell}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_coloured_where_nobody_looks() {
    let crossing = Crossing::new(Population::realistic(30, 340), Faults::default()).await;
    let outcome = crossing.run().await;
    let told = format!("{}{}", outcome.standard_output, outcome.standard_error);
    assert!(!told.contains('\u{1b}'), "{told}");
}

/// `script` gives the binary a terminal.
#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_no_color_is_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let coloured = async |no_color: Option<&str>| {
        let program = ferry(folder.path(), &[]);
        let program = program.as_std().get_program().to_owned();
        let mut command = tokio::process::Command::new("script");
        command
            .args(["--quiet", "--return", "--command"])
            .arg(format!("'{}' --help", program.to_string_lossy()))
            .arg("/dev/null")
            .current_dir(folder.path())
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .stdin(std::process::Stdio::null());
        if let Some(value) = no_color {
            command.env("NO_COLOR", value);
        }
        let shown = command
            .output()
            .await
            .expect("`script`, of util-linux or bsdutils");
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(shown.contains("verify"), "{shown}");
        shown.contains('\u{1b}')
    };
    assert!(coloured(None).await);
    assert!(!coloured(Some("1")).await);
}
