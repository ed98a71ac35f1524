//! A process that is started again when it ends, as by systemd.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use tokio::process::Child;

use super::{Fleet, LOOK_EVERY, kill, signal};

/// "Try later": what a process says that was left by a server for too long.
const TRY_LATER: i32 = 75;

/// A process of a fleet that is started again when it ends, as by systemd. Its log goes to a file,
/// so that it never waits for a reader.
pub(crate) struct Kept {
    fleet: Arc<Fleet>,
    arguments: Vec<&'static str>,
    environment: Vec<(&'static str, &'static str)>,
    log: PathBuf,
    child: Child,
    /// How often it has said "try later".
    pub(crate) gave_up: u32,
}

impl Kept {
    /// Starts it. `name` is its log's.
    pub(crate) fn start(fleet: &Arc<Fleet>, name: &str, arguments: &[&'static str]) -> Self {
        Self::start_with(fleet, name, arguments, &[])
    }

    /// The same, with more in its environment.
    pub(crate) fn start_with(
        fleet: &Arc<Fleet>,
        name: &str,
        arguments: &[&'static str],
        environment: &[(&'static str, &'static str)],
    ) -> Self {
        let log = fleet.crossing.folder.path().join(format!("{name}.log"));
        let (arguments, environment) = (arguments.to_vec(), environment.to_vec());
        Self {
            child: spawn(fleet, &arguments, &environment, &log),
            fleet: Arc::clone(fleet),
            arguments,
            environment,
            log,
            gave_up: 0,
        }
    }

    /// Waits for something that happens while it runs.
    pub(crate) async fn until(&mut self, event: impl Future<Output = ()>) {
        tokio::select! {
            () = event => {}
            ended = self.child.wait() => {
                panic!("{:?} ended with {ended:?}:\n{}", self.arguments, self.log())
            }
        }
    }

    /// Waits until it has logged this.
    pub(crate) async fn until_logged(&mut self, saying: &str) {
        let log = self.log.clone();
        let logged = async {
            while !fs::read_to_string(&log).expect("a log").contains(saying) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        self.until(logged).await;
    }

    /// Starts it again if it has ended. It may be done, or have said "try later", and nothing else.
    pub(crate) fn look(&mut self) {
        let Some(ended) = self.child.try_wait().expect("it is ours") else {
            return;
        };
        match ended.code() {
            Some(0) => {}
            Some(TRY_LATER) => self.gave_up += 1,
            _ => panic!("{:?} ended with {ended}:\n{}", self.arguments, self.log()),
        }
        self.start_again();
    }

    /// SIGKILL, and again.
    pub(crate) async fn kill(&mut self) {
        self.look();
        self.child.kill().await.expect("it is ours to kill");
        self.start_again();
    }

    /// SIGKILL, for good.
    pub(crate) async fn end(self) {
        kill(self.child).await;
    }

    /// Waits for its end.
    pub(crate) async fn wait(&mut self) -> Option<i32> {
        self.child.wait().await.expect("it is ours").code()
    }

    pub(crate) async fn signal(&self, name: &str) {
        signal(&self.child, name).await;
    }

    /// All that it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("a log")
    }

    fn start_again(&mut self) {
        self.child = spawn(&self.fleet, &self.arguments, &self.environment, &self.log);
    }
}

fn spawn(
    fleet: &Fleet,
    arguments: &[&str],
    environment: &[(&'static str, &'static str)],
    log: &Path,
) -> Child {
    let log = File::options().create(true).append(true).open(log);
    let mut command = fleet.command(arguments);
    command
        .envs(environment.iter().copied())
        .stdout(Stdio::null())
        .stderr(log.expect("a log"))
        .spawn()
        .expect("the binary starts")
}
