//! `cargo xtask test`.

use std::process::Command;

use anyhow::Result;
use ferry_testbed::rabbitmq::PrivateBroker;
use ferry_testbed::{AMQP_URL, docker_answers};

use crate::shell::{cargo, run};
use crate::tools::{DebianProgram, NEXTEST, install_debian};

/// The vendor's SDKs are tried against the simulator, the queue on a broker.
const PROGRAMS: &[DebianProgram] = &[
    DebianProgram {
        probe: &["python3", "-c", "import ensurepip, venv"],
        packages: &["python3", "python3-venv"],
    },
    DebianProgram {
        probe: &["npm", "--version"],
        packages: &["nodejs", "npm"],
    },
    DebianProgram {
        probe: &["test", "-x", ferry_testbed::rabbitmq::SERVER],
        packages: &["rabbitmq-server"],
    },
];

/// Installs what is missing, then runs every test; the runner's summary comes last.
pub(crate) fn run_all(arguments: &[String]) -> Result<()> {
    NEXTEST.install()?;
    install_debian(PROGRAMS)?;
    let services = Services::start()?;
    if arguments.is_empty() {
        run(cargo(&["test", "--workspace", "--doc", "--quiet"]))?;
    }
    let arguments = arguments.iter().map(String::as_str);
    let nextest = ["nextest", "run", "--workspace"]
        .into_iter()
        .chain(arguments);
    let mut nextest = cargo(&nextest.collect::<Vec<_>>());
    services.tell(&mut nextest);
    run(nextest)
}

/// What the tests share. It ends when it is dropped.
struct Services {
    broker: Option<PrivateBroker>,
}

impl Services {
    /// Starts what is neither named in the environment nor to be had in a container.
    fn start() -> Result<Self> {
        if std::env::var_os(AMQP_URL).is_some() || docker_answers() {
            return Ok(Self { broker: None });
        }
        eprintln!("starting a private RabbitMQ, some 20 s");
        let broker = PrivateBroker::start("", "")?;
        Ok(Self {
            broker: Some(broker),
        })
    }

    /// Tells a command where they are.
    fn tell(&self, command: &mut Command) {
        if let Some(broker) = &self.broker {
            command.env(AMQP_URL, broker.url());
        }
    }
}
