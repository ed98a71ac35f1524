//! A private broker: an instance of Debian's `rabbitmq-server`, to be rough with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::TestbedError;
use crate::port::{free_ports, listens};
use crate::process::{Server, finish, signal, until_our_end};

/// The server of Debian's package. The one on the path starts it as another user.
pub const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const CONTROL: &str = "/usr/lib/rabbitmq/bin/rabbitmqctl";
/// It is up in some 20 s; on two cores with other brokers starting it takes longer.
const LONGEST_START: Duration = Duration::from_mins(3);

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
    server: Server,
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
            return Err(TestbedError::NotInstalled {
                service: "RabbitMQ",
                package: "rabbitmq-server",
            });
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
        finish(tool.arg("--quiet").args(arguments))
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> Result<(), TestbedError> {
        self.server.kill()
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
        signal("STOP", &[self.server.id()])
    }

    /// SIGCONT.
    pub fn thaw(&self) -> Result<(), TestbedError> {
        signal("CONT", &[self.server.id()])
    }

    fn wait_until_up(&mut self) -> Result<(), TestbedError> {
        let port = self.ports.amqp;
        self.server.wait_until(|| listens(port), LONGEST_START)
    }
}

impl Drop for PrivateBroker {
    fn drop(&mut self) {
        // They may have ended by themselves.
        let _ = self.server.kill();
        let _ = self.port_mapper.kill();
        let _ = self.port_mapper.wait();
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

fn server(folder: &Path, ports: Ports) -> Result<Server, TestbedError> {
    let command = program(SERVER, folder, ports);
    Server::start("rabbitmq-server", command, folder.join("output"))
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
