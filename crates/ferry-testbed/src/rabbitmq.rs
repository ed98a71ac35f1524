//! A private broker: an instance of Debian's `rabbitmq-server`, to be rough with.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::TestbedError;
use crate::port::{free_ports, listens};

/// The server of Debian's package. The one on the path starts it as another user.
pub const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const CONTROL: &str = "/usr/lib/rabbitmq/bin/rabbitmqctl";
/// It is up in some 20 s; on two cores with other brokers starting it takes longer.
const LONGEST_START: Duration = Duration::from_mins(3);
/// Between two looks whether it is up.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A broker of our own, on loopback. It ends when it is dropped.
///
/// Start it from a thread that lives as long: the system ends it with the thread that started it,
/// so that no broker is left behind by a test that is killed.
#[derive(Debug)]
pub struct PrivateBroker {
    folder: TempDir,
    ports: Ports,
    /// Tells other Erlang nodes on this machine where it is; a private one clashes with nobody's.
    port_mapper: Child,
    server: Child,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    amqp: u16,
    distribution: u16,
    port_mapper: u16,
}

impl PrivateBroker {
    /// Starts a broker and waits until it is up. `settings` are lines of `rabbitmq.conf`;
    /// `advanced` is the content of `advanced.config`, Erlang terms.
    pub fn start(settings: &str, advanced: &str) -> Result<Self, TestbedError> {
        if !is_installed() {
            return Err(TestbedError::NotInstalled);
        }
        let folder = tempfile::Builder::new()
            .prefix("ferry-rabbitmq")
            .tempdir()?;
        let [amqp, distribution, port_mapper] = free_ports()?;
        let ports = Ports {
            amqp,
            distribution,
            port_mapper,
        };
        write_configuration(folder.path(), ports, settings, advanced)?;
        let mut epmd = until_our_end("epmd");
        epmd.args(["-port", &port_mapper.to_string(), "-address", "127.0.0.1"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut broker = Self {
            port_mapper: epmd.spawn()?,
            server: server(folder.path(), ports)?,
            folder,
            ports,
        };
        broker.wait_until_up()?;
        Ok(broker)
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}", self.ports.amqp)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.ports.amqp
    }

    /// `rabbitmqctl` with these arguments; what it prints.
    pub fn control(&self, arguments: &[&str]) -> Result<String, TestbedError> {
        let mut tool = program(CONTROL, self.folder.path(), self.ports);
        let output = tool.arg("--quiet").args(arguments).output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        Err(TestbedError::Tool {
            tool: format!("rabbitmqctl {}", arguments.join(" ")),
            output: text(&output.stdout) + &text(&output.stderr),
        })
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> Result<(), TestbedError> {
        self.server.kill()?;
        self.server.wait()?;
        Ok(())
    }

    /// Starts it again after [`PrivateBroker::kill`], on its data.
    pub fn start_again(&mut self) -> Result<(), TestbedError> {
        self.server = server(self.folder.path(), self.ports)?;
        self.wait_until_up()
    }

    /// Deletes all that it has on disk, while it is not running.
    pub fn delete_data(&mut self) -> Result<(), TestbedError> {
        Ok(fs::remove_dir_all(self.folder.path().join("data"))?)
    }

    /// Where it keeps its messages.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// SIGSTOP: its connections stay open and nobody answers.
    pub fn freeze(&self) -> Result<(), TestbedError> {
        self.signal("STOP")
    }

    /// SIGCONT.
    pub fn thaw(&self) -> Result<(), TestbedError> {
        self.signal("CONT")
    }

    fn signal(&self, name: &str) -> Result<(), TestbedError> {
        let (script, id) = (format!("kill -{name} \"$1\""), self.server.id().to_string());
        let status = Command::new("sh")
            .args(["-c", &script, "sh", &id])
            .status()?;
        if status.success() {
            return Ok(());
        }
        Err(TestbedError::Tool {
            tool: script,
            output: status.to_string(),
        })
    }

    fn wait_until_up(&mut self) -> Result<(), TestbedError> {
        let service = "rabbitmq-server";
        let began = Instant::now();
        while !listens(self.ports.amqp) {
            if self.server.try_wait()?.is_some() {
                let output = self.output();
                return Err(TestbedError::Ended { service, output });
            }
            if began.elapsed() > LONGEST_START {
                return Err(TestbedError::TooSlow {
                    service,
                    seconds: LONGEST_START.as_secs(),
                    output: self.output(),
                });
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    fn output(&self) -> String {
        fs::read_to_string(self.folder.path().join("output")).unwrap_or_default()
    }
}

impl Drop for PrivateBroker {
    fn drop(&mut self) {
        for child in [&mut self.server, &mut self.port_mapper] {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Whether Debian's package is there.
pub fn is_installed() -> bool {
    Path::new(SERVER).exists()
}

fn write_configuration(
    folder: &Path,
    ports: Ports,
    settings: &str,
    advanced: &str,
) -> Result<(), TestbedError> {
    let own = format!("listeners.tcp.1 = 127.0.0.1:{}\n{settings}\n", ports.amqp);
    fs::write(folder.join("rabbitmq.conf"), own)?;
    if !advanced.is_empty() {
        fs::write(folder.join("advanced.config"), advanced)?;
    }
    fs::write(folder.join("plugins"), "[].")?;
    // Empty, so that the system's own is not read.
    fs::write(folder.join("environment"), "")?;
    Ok(())
}

fn server(folder: &Path, ports: Ports) -> Result<Child, TestbedError> {
    let output = File::options()
        .create(true)
        .append(true)
        .open(folder.join("output"))?;
    let mut server = program(SERVER, folder, ports);
    server
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    Ok(server.spawn()?)
}

/// A program of the package, in an environment that leads to this folder and nowhere else.
fn program(path: &str, folder: &Path, ports: Ports) -> Command {
    let mut command = until_our_end(path);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        // The Erlang cookie is made there.
        .env("HOME", folder)
        .env("LANG", "C.UTF-8")
        .env("ERL_EPMD_PORT", ports.port_mapper.to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODENAME", format!("ferry-{}@localhost", ports.amqp))
        .env("RABBITMQ_DIST_PORT", ports.distribution.to_string())
        .env("RABBITMQ_MNESIA_BASE", folder.join("data"))
        .env("RABBITMQ_LOG_BASE", folder.join("log"))
        .env("RABBITMQ_CONF_ENV_FILE", folder.join("environment"))
        .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"))
        .env("RABBITMQ_ADVANCED_CONFIG_FILE", folder.join("advanced.config"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("plugins"))
        // Without a shell around it, its process is our child.
        .env("RABBITMQ_ALLOW_INPUT", "1")
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-noinput");
    command
}

/// A command that the system ends when the thread that started it ends.
fn until_our_end(name: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", name]);
    command
}
