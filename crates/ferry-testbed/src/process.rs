//! Servers that are processes of ours.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::TestbedError;

/// Between two looks at something that is awaited.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A server, and the file that it writes its output to.
#[derive(Debug)]
pub(crate) struct Server {
    service: &'static str,
    child: Child,
    output: PathBuf,
}

impl Server {
    /// Starts it.
    pub(crate) fn start(
        service: &'static str,
        mut command: Command,
        output: PathBuf,
    ) -> Result<Self, TestbedError> {
        let file = File::options().create(true).append(true).open(&output)?;
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let child = command.spawn()?;
        Ok(Self {
            service,
            child,
            output,
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it is up; an error when it ends before, or is not up after `longest`.
    pub(crate) fn wait_until(
        &mut self,
        is_up: impl Fn() -> bool,
        longest: Duration,
    ) -> Result<(), TestbedError> {
        let service = self.service;
        let began = Instant::now();
        while !is_up() {
            if !self.runs() {
                let output = self.output();
                return Err(TestbedError::Ended { service, output });
            }
            if began.elapsed() > longest {
                return Err(TestbedError::TooSlow {
                    service,
                    seconds: longest.as_secs(),
                    output: self.output(),
                });
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Whether it has not ended.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) -> Result<(), TestbedError> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn output(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }
}

/// A process of the system.
pub(crate) struct Process {
    /// `T` when it is stopped; `man 5 proc` tells the others.
    pub(crate) state: char,
    parent: u32,
}

impl Process {
    /// None when it has ended, even if its parent has not asked for its exit code.
    pub(crate) fn of(id: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // Its name may have anything in it, also blanks and brackets.
        let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        (!matches!(state, 'Z' | 'X')).then_some(Self { state, parent })
    }

    /// The ids of a process's children.
    pub(crate) fn children_of(parent: u32) -> Result<Vec<u32>, TestbedError> {
        let ids = fs::read_dir("/proc")?
            .filter_map(Result::ok)
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        Ok(ids
            .filter(|id| Self::of(*id).is_some_and(|process| process.parent == parent))
            .collect())
    }
}

/// Sends a signal, named without its SIG. Whoever is not there any more does not get it.
pub(crate) fn signal(name: &str, processes: &[u32]) -> Result<(), TestbedError> {
    // The shell's own `kill`: not every machine has the program.
    let script = format!("for id; do kill -{name} \"$id\" || test ! -e \"/proc/$id\"; done");
    let ids = processes.iter().map(u32::to_string);
    finish(
        Command::new("sh")
            .args(["-e", "-c", &script, "sh"])
            .args(ids),
    )
    .map(drop)
}

/// A command that the system ends when the thread that started it ends.
pub(crate) fn until_our_end(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

/// The same, run by this user.
pub(crate) fn until_our_end_as(user: &str, program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--regid", user, "--clear-groups"]);
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

/// Runs it to its end; what it prints.
pub(crate) fn finish(command: &mut Command) -> Result<String, TestbedError> {
    let output = command.stdin(Stdio::null()).output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    Err(TestbedError::Tool {
        tool: words.join(" "),
        output: text(&output.stdout) + &text(&output.stderr),
    })
}
