//! A private PostgreSQL: an instance of Debian's `postgresql`, to be rough with.

use std::fmt;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::TestbedError;
use crate::port::free_ports;
use crate::process::{LOOK_EVERY, Process, Server, signal};
use crate::random::random_name;

mod home;

use home::Home;
pub use home::is_installed;

/// Settings of the one that tests share: they run beside each other, each with a pool or two, and
/// make hundreds of databases. Nobody kills it, so nothing has to be on disk.
pub const SHARED_SETTINGS: &[&str] = &["max_connections=300", "fsync=off"];
/// It is up in some 2 s; recovery after a kill, on two busy cores, takes longer.
const LONGEST_START: Duration = Duration::from_mins(2);
/// It has nothing to do but to end its processes, and ends them by force after 5 s.
const LONGEST_END: Duration = Duration::from_secs(20);

/// A PostgreSQL of our own, on loopback. It ends when it is dropped.
///
/// Start it from a thread that lives as long: the system ends it with the thread that started it,
/// so that no server is left behind by a test that is killed.
pub struct PrivatePostgres {
    home: Home,
    port: u16,
    password: String,
    server: Server,
}

impl PrivatePostgres {
    /// Makes an empty instance, starts it and waits until it answers. `settings` are lines of
    /// `postgresql.conf`; what they do not name is as the vendor ships it.
    pub fn start(settings: &str) -> Result<Self, TestbedError> {
        let home = Home::new()?;
        let password = random_name()?;
        let [port] = free_ports()?;
        home.make_data(&password)?;
        home.configure(port, settings)?;
        let mut postgres = Self {
            server: home.serve()?,
            home,
            port,
            password,
        };
        postgres.wait_until_up()?;
        Ok(postgres)
    }

    /// Where it is: a superuser and the database `postgres`.
    pub fn url(&self) -> String {
        let Self { port, password, .. } = self;
        format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres")
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The id of its first process, the parent of its others.
    pub fn id(&self) -> u32 {
        self.server.id()
    }

    /// All that it writes: its data, its log and what else a search should see.
    pub fn folder(&self) -> &Path {
        self.home.folder()
    }

    /// SIGKILL to all of its processes, as when the machine loses power. What it wrote without
    /// fsync stays, unlike then.
    pub fn kill(&mut self) -> Result<(), TestbedError> {
        // One process alone would be outlived by the others, and they could still commit.
        let processes = self.stop_all()?;
        signal("KILL", &processes)?;
        self.server.kill()?;
        // Nobody can start on the data while one of them has it.
        while processes
            .iter()
            .any(|process| Process::of(*process).is_some())
        {
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Starts it again after [`PrivatePostgres::kill`], on its data, at its port.
    pub fn start_again(&mut self) -> Result<(), TestbedError> {
        self.server = self.home.serve()?;
        self.wait_until_up()
    }

    /// SIGSTOP to all of its processes: its connections stay open and nobody answers.
    pub fn freeze(&self) -> Result<(), TestbedError> {
        self.stop_all().map(drop)
    }

    /// SIGCONT.
    pub fn thaw(&self) -> Result<(), TestbedError> {
        let id = self.server.id();
        signal("CONT", &Process::children_of(id)?)?;
        signal("CONT", &[id])
    }

    /// Stops the parent first, so that no child is born meanwhile.
    fn stop_all(&self) -> Result<Vec<u32>, TestbedError> {
        let id = self.server.id();
        signal("STOP", &[id])?;
        while Process::of(id).is_some_and(|process| process.state != 'T') {
            thread::sleep(LOOK_EVERY);
        }
        let mut processes = Process::children_of(id)?;
        signal("STOP", &processes)?;
        processes.push(id);
        Ok(processes)
    }

    fn wait_until_up(&mut self) -> Result<(), TestbedError> {
        let status = self.home.data().join("postmaster.pid");
        let id = self.server.id().to_string();
        // It writes its id into the first line and how it is into the eighth. The file of one that
        // was killed is still there.
        let is_up = || {
            fs::read_to_string(&status).is_ok_and(|text| {
                let mut lines = text.lines().map(str::trim);
                lines.next() == Some(&id) && lines.nth(6) == Some("ready")
            })
        };
        self.server.wait_until(is_up, LONGEST_START)
    }
}

impl fmt::Debug for PrivatePostgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivatePostgres")
            .field("folder", &self.home.folder())
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        if !self.server.runs() {
            return;
        }
        // It may be frozen. An immediate shutdown leaves none of its processes behind, and none of
        // the memory that they share.
        let _ = self.thaw();
        let _ = signal("QUIT", &[self.server.id()]);
        let began = Instant::now();
        while self.server.runs() && began.elapsed() < LONGEST_END {
            thread::sleep(LOOK_EVERY);
        }
        let _ = self.server.kill();
    }
}
