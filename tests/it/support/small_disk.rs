//! A disk with little room.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The disk's size in bytes.
const SIZE: usize = 64 * 1024 * 1024;

/// A `tmpfs` in a mount namespace of its own: it goes with the process that holds it, and so with
/// the test, however that ends.
pub(crate) struct SmallDisk {
    holder: Child,
    folder: PathBuf,
    /// What `nsenter` is told beside the holder's id.
    namespaces: &'static [&'static str],
}

impl SmallDisk {
    /// Mounts it over this folder; `None` where this user may not.
    pub(crate) async fn mount(folder: &Path) -> Option<Self> {
        Self::mount_of(folder, SIZE).await
    }

    /// The same, of so many bytes.
    pub(crate) async fn mount_of(folder: &Path, size: usize) -> Option<Self> {
        // As root, else as the root of a user namespace.
        for (options, namespaces) in [
            (&["--mount"][..], &["--mount"][..]),
            (
                &["--user", "--map-root-user", "--mount"],
                &["--user", "--preserve-credentials", "--mount"],
            ),
        ] {
            let mut holder = Command::new("unshare")
                .args(options)
                .args(["sh", "-c", HOLD, "sh"])
                .arg(folder)
                .arg(size.to_string())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .ok()?;
            let told = holder.stdout.take().expect("piped");
            let first = BufReader::new(told).lines().next_line().await;
            if first.ok().flatten().as_deref() == Some("mounted") {
                return Some(Self {
                    holder,
                    folder: folder.to_owned(),
                    namespaces,
                });
            }
        }
        None
    }

    /// The command, where the disk is seen.
    pub(crate) fn command(&self, command: &Command) -> Command {
        let command = command.as_std();
        let mut inside = Command::new("nsenter");
        inside
            .arg("--target")
            .arg(self.id())
            .args(self.namespaces)
            .args(["sh", "-c", "cd \"$0\" && exec \"$@\""])
            .arg(command.get_current_dir().expect("tests set it"))
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(
                command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        inside
    }

    /// Fills it up, but for so many bytes.
    pub(crate) fn fill(&self, all_but: usize) {
        let mut ballast = File::create(self.seen_from_here().join("ballast")).unwrap();
        let block = vec![0; 64 * 1024];
        // Until it is full: something else is on it already.
        while ballast.write(&block).is_ok_and(|written| written > 0) {}
        let full = ballast.metadata().unwrap().len();
        ballast.set_len(full - all_but as u64).unwrap();
    }

    /// Makes room again.
    pub(crate) fn free(&self) {
        fs::remove_file(self.seen_from_here().join("ballast")).unwrap();
    }

    /// Copies its files.
    pub(crate) fn copy_to(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        for file in fs::read_dir(self.seen_from_here()).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
    }

    fn seen_from_here(&self) -> PathBuf {
        let root = Path::new("/proc").join(self.id()).join("root");
        root.join(self.folder.strip_prefix("/").expect("an absolute path"))
    }

    fn id(&self) -> String {
        self.holder.id().expect("it runs").to_string()
    }
}

/// Mounts, says so, and waits until its standard input ends.
const HOLD: &str = r#"mount -t tmpfs -o "size=$2,mode=700" tmpfs "$1" && echo mounted && exec cat"#;
