//! A folder with an export and settings, a simulator, and the binary.

mod audit;
mod fleet;
mod kept;
mod outcome;
mod secrets;
mod servers;
mod small_disk;

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use ferry_sim::export::{self, Summary};
use ferry_sim::{Faults, Options, Population, Simulator};
use tempfile::TempDir;
use tokio::process::{Child, Command};

pub(crate) use audit::{Audit, open_ledger};
pub(crate) use fleet::Fleet;
pub(crate) use kept::Kept;
pub(crate) use outcome::Outcome;
pub(crate) use servers::Servers;
pub(crate) use small_disk::SmallDisk;

/// The binary under test, built with failpoints.
const FERRY: &str = env!("CARGO_BIN_EXE_ferry");

/// Timeouts in seconds rather than minutes, so that what is left behind is found soon.
const SETTINGS: &str = r#"
[stytch]
call_timeout = "1s"
[worker]
lease = "2s"
quiet = "1500ms"
[retry]
base = "50ms"
cap = "400ms"
"#;

/// Between two looks at what no event tells.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(10);

/// An export, its settings, and the simulator that it fits.
pub(crate) struct Crossing {
    pub(crate) folder: TempDir,
    pub(crate) simulator: Simulator,
    pub(crate) summary: Summary,
    /// The access tokens of the export as it was first written.
    tokens: Vec<String>,
}

impl Crossing {
    /// With the export of this population, and a Stytch with these faults.
    pub(crate) async fn new(population: Population, faults: Faults) -> Self {
        Self::with(Options {
            population,
            faults,
            ..Options::default()
        })
        .await
    }

    /// With a simulator that is set up like this, and the export of its population.
    pub(crate) async fn with(options: Options) -> Self {
        let simulator = Simulator::start(options).await.expect("a simulator");
        let folder = tempfile::tempdir().expect("a folder");
        let mut writer = BufWriter::new(File::create(folder.path().join("sessions.csv")).unwrap());
        let summary = export::write(
            simulator.population(),
            &mut writer,
            &simulator.export_options(),
        )
        .expect("an export");
        fs::write(folder.path().join("ferry.toml"), SETTINGS).unwrap();
        Self {
            tokens: tokens(&folder.path().join("sessions.csv")),
            folder,
            simulator,
            summary,
        }
    }

    /// The export.
    pub(crate) fn export(&self) -> PathBuf {
        self.folder.path().join("sessions.csv")
    }

    /// Ferry's own folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("ferry-data")
    }

    /// `ferry run` on the export, as fast as it goes.
    pub(crate) fn run_command(&self) -> Command {
        self.command(&[
            "run",
            "sessions.csv",
            "--run",
            "test",
            "--rate",
            "unlimited",
            "--json",
        ])
    }

    /// The binary with these arguments, in the folder, with the simulator's credentials and an
    /// otherwise empty environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = ferry(self.folder.path(), arguments);
        let credentials = self.simulator.credentials();
        command
            .env("FERRY_STYTCH__BASE_URL", self.simulator.base_url())
            .env("FERRY_STYTCH__PROJECT_ID", &credentials.project_id)
            .env("FERRY_STYTCH__SECRET", &credentials.secret);
        command
    }

    /// Runs to the end.
    pub(crate) async fn run(&self) -> Outcome {
        Outcome::of(self.run_command()).await
    }

    /// Waits until the simulator has minted so many sessions.
    pub(crate) async fn until_minted(&self, sessions: u64) {
        while self.simulator.audit().sessions.minted < sessions {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until the simulator has minted so many sessions or has so many calls under way.
    pub(crate) async fn until_calls(&self, calls: u64) {
        let counted = || {
            let audit = self.simulator.audit();
            let migrate = audit.calls.get("migrate").map(|o| o.values().sum::<u64>());
            migrate.unwrap_or(0).max(audit.sessions.minted)
        };
        while counted() < calls {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Compares what the simulator minted with what the ledger maps.
    pub(crate) async fn audit(&self) -> Audit {
        let ledger = open_ledger(&self.data()).await;
        let audit = Audit::take(&self.simulator, &ledger).await;
        ledger.close().await;
        audit
    }

    /// Every session final, one alive for each that was migrated, none besides, books balanced.
    pub(crate) async fn assert_all_crossed(&self, outcome: &Outcome) {
        self.assert_crossed(outcome, &self.audit().await);
    }

    fn assert_crossed(&self, outcome: &Outcome, audit: &Audit) {
        let books = outcome.books();
        assert!(books.balance(), "{books:?}");
        assert_eq!(books.open(), 0, "{books:?}");
        assert_eq!(books.exported, self.summary.rows, "{books:?}");
        assert_eq!(books.rejected, self.summary.malformed(), "{books:?}");
        assert_eq!(books.duplicates, self.summary.duplicates, "{books:?}");
        assert_eq!(books.skipped, self.summary.expired, "{books:?}");
        assert_eq!(books.migrated, self.summary.migratable, "{books:?}");
        assert_eq!(
            books.dead,
            self.summary.member_missing + self.summary.revoked,
            "{books:?}"
        );
        assert_eq!(audit.mapped, books.migrated);
        assert_eq!(
            audit.mapped_not_alive, 0,
            "mapped sessions that are not alive"
        );
        assert_eq!(audit.extra_alive, 0, "sessions alive that nobody recorded");
        assert_eq!(outcome.audit("unresolved"), 0);
        assert_eq!(outcome.audit("unverifiable"), 0);
    }
}

/// The binary with these arguments, in this folder, with an empty environment.
pub(crate) fn ferry(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(FERRY);
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// The access tokens of an export: its first column.
fn tokens(export: &Path) -> Vec<String> {
    let export = fs::read_to_string(export).expect("an export");
    let first = export.lines().skip(1).map(|row| row.split(',').next());
    let first = first.map(|token| token.unwrap_or_default().to_owned());
    first.filter(|token| token.len() > 40).collect()
}

/// SIGKILL, to a process that we started.
pub(crate) async fn kill(mut child: Child) {
    child.kill().await.expect("it is ours to kill");
}

/// A signal, named without its SIG, to a process that we started.
pub(crate) async fn signal(child: &Child, name: &str) {
    let id = child.id().expect("it runs").to_string();
    let sent = Command::new("kill").args(["-s", name, &id]).status().await;
    assert!(sent.expect("kill is everywhere").success());
}
