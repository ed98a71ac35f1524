//! `docs/operations.md`, executed as it is written.

use std::fs;
use std::path::Path;

use ferry_sim::{Faults, Population};
use tokio::process::Command;

use crate::support::Crossing;

/// The commands of the page, in their order.
fn commands() -> Vec<String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    let page = fs::read_to_string(page).expect("the page");
    let blocks = page.split("```sh\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap_or_default());
    blocks.flat_map(str::lines).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_on_operations_does_what_it_says() {
    let crossing = Crossing::new(Population::new(60, 350), Faults::default()).await;
    let folder = crossing.folder.path();
    fs::remove_file(folder.join("ferry.toml")).unwrap();
    let export = fs::read_to_string(crossing.export()).unwrap();
    for name in ["rehearsal.csv", "final.csv", "evening.csv", "open.csv"] {
        fs::write(folder.join(name), &export).unwrap();
    }
    let rows: Vec<_> = export.lines().collect();
    fs::write(folder.join("me.csv"), rows[..2].join("\n")).unwrap();
    let commands = commands();
    assert!(commands.len() > 25, "{commands:?}");
    for command in &commands {
        assert!(command.starts_with("ferry "), "{command}");
        if command.contains("stytch-sessions.csv") {
            fs::copy(
                folder.join("mappings.csv"),
                folder.join("stytch-sessions.csv"),
            )
            .unwrap();
        }
        let mut command = command.replace("--env live", "--env test");
        let verb = command.split(' ').nth(1).unwrap_or_default();
        if matches!(verb, "pause" | "resume" | "cancel") {
            // By then, the page's own run is finished.
            let open = "ferry enqueue open.csv --run open --env test";
            shell(&crossing, open).await.assert_says(0, &[]);
            command = command.replace(" final", " open");
        }
        let outcome = shell(&crossing, &command).await;
        assert_eq!(
            outcome.code,
            Some(0),
            "{command}: {}",
            outcome.standard_error
        );
    }
    for file in [
        "rehearsal.html",
        "final.html",
        "handover.ndjson",
        "mappings.csv",
    ] {
        assert!(
            fs::metadata(folder.join(file)).unwrap().len() > 500,
            "{file}"
        );
    }
}

/// The command as a shell runs it, on the simulator.
async fn shell(crossing: &Crossing, line: &str) -> crate::support::Outcome {
    let ferry = crossing.command(&[]);
    let ferry = ferry.as_std();
    let binary = Path::new(ferry.get_program());
    let path = std::env::var("PATH").unwrap_or_default();
    let binaries = binary.parent().expect("a folder").display();
    let mut command = Command::new("sh");
    command
        .args(["-ec", line])
        .current_dir(crossing.folder.path())
        .env_clear()
        .envs(
            ferry
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("PATH", format!("{binaries}:{path}"))
        .stdin(std::process::Stdio::null());
    crossing.outcome(command).await
}
