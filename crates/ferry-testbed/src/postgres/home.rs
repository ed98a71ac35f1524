//! Where a private PostgreSQL lives: its programs, its folder and the user that has both.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::TestbedError;
use crate::process::{Server, finish, until_our_end, until_our_end_as};

/// Debian keeps each version's programs in a folder of its own in here, off the path.
const VERSIONS: &str = "/usr/lib/postgresql";
/// PostgreSQL refuses to run as root; the package makes this user.
const USER: &str = "postgres";

pub(super) struct Home {
    programs: PathBuf,
    folder: TempDir,
    /// We are root, who may not run it.
    as_user: bool,
}

impl Home {
    /// An empty one.
    pub(super) fn new() -> Result<Self, TestbedError> {
        let programs = newest_programs().ok_or(TestbedError::NotInstalled {
            service: "PostgreSQL",
            package: "postgresql",
        })?;
        let folder = tempfile::Builder::new()
            .prefix("ferry-postgres")
            .tempdir()?;
        // What we make is ours.
        let as_user = fs::metadata(folder.path())?.uid() == 0;
        if as_user {
            finish(Command::new("chown").arg(USER).arg(folder.path()))?;
        }
        Ok(Self {
            programs,
            folder,
            as_user,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// Makes its data, of which nothing needs to be on disk yet.
    pub(super) fn make_data(&self, password: &str) -> Result<(), TestbedError> {
        let file = self.folder().join("password");
        fs::write(&file, password)?;
        finish(
            self.program("initdb")
                .args(["--username", "postgres", "--auth", "scram-sha-256"])
                .args(["--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"])
                .arg("--pwfile")
                .arg(&file)
                .arg("--pgdata")
                .arg(self.data()),
        )?;
        Ok(fs::remove_file(file)?)
    }

    pub(super) fn configure(&self, port: u16, settings: &str) -> Result<(), TestbedError> {
        let path = self.data().join("postgresql.conf");
        let mut file = fs::File::options().append(true).open(path)?;
        writeln!(file, "listen_addresses = '127.0.0.1'")?;
        writeln!(file, "port = {port}")?;
        writeln!(file, "unix_socket_directories = ''")?;
        Ok(writeln!(file, "{settings}")?)
    }

    pub(super) fn serve(&self) -> Result<Server, TestbedError> {
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data());
        Server::start("postgres", command, self.folder().join("output"))
    }

    /// A program of the package, in an environment that tells it nothing.
    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        let path = path.to_string_lossy();
        let mut command = if self.as_user {
            until_our_end_as(USER, &path)
        } else {
            until_our_end(&path)
        };
        command
            // Ours may be closed to the other user.
            .current_dir(self.folder())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LANG", "C.UTF-8");
        command
    }
}

/// Whether Debian's package is there.
pub fn is_installed() -> bool {
    newest_programs().is_some()
}

fn newest_programs() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).ok()?.filter_map(Result::ok);
    versions
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        // Of some versions there may be the client only.
        .filter(|(_, programs)| programs.join("initdb").exists())
        .max()
        .map(|(_, programs)| programs)
}
