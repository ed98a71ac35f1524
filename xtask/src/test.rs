//! `cargo xtask test`.

use std::process::Command;

use anyhow::Result;
use ferry_testbed::postgres::{PrivatePostgres, SHARED_SETTING};
use ferry_testbed::rabbitmq::PrivateBroker;
use ferry_testbed::{AMQP_URL, POSTGRES_URL, docker_answers};

use crate::shell::{cargo, run};
use crate::tools::{DebianProgram, NEXTEST, install_debian};

/// The vendor's SDKs are tried against the simulator, the queue on a broker, the ledger on a
/// database.
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
    DebianProgram {
        probe: &["sh", "-c", "ls /usr/lib/postgresql/*/bin/initdb"],
        packages: &["postgresql"],
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
    let mut nextest = cargo(&["nextest", "run"]);
    if !arguments.iter().any(|argument| names_a_package(argument)) {
        nextest.arg("--workspace");
    }
    nextest.args(arguments);
    services.tell(&mut nextest);
    run(nextest)
}

/// Cargo would build the whole workspace beside it.
fn names_a_package(argument: &str) -> bool {
    argument.starts_with("-p") || argument.starts_with("--package")
}

/// What the tests share. It ends when it is dropped.
struct Services {
    broker: Option<PrivateBroker>,
    postgres: Option<PrivatePostgres>,
}

impl Services {
    /// Starts what is neither named in the environment nor to be had in a container.
    fn start() -> Result<Self> {
        let postgres = is_ours(POSTGRES_URL)
            .then(|| {
                eprintln!("starting a private PostgreSQL");
                PrivatePostgres::start(SHARED_SETTING)
            })
            .transpose()?;
        let broker = is_ours(AMQP_URL)
            .then(|| {
                eprintln!("starting a private RabbitMQ, some 20 s");
                PrivateBroker::start("", "")
            })
            .transpose()?;
        Ok(Self { broker, postgres })
    }

    /// Tells a command where they are.
    fn tell(&self, command: &mut Command) {
        if let Some(broker) = &self.broker {
            command.env(AMQP_URL, broker.url());
        }
        if let Some(postgres) = &self.postgres {
            command.env(POSTGRES_URL, postgres.url());
        }
    }
}

/// Whether nobody else gives us a service.
fn is_ours(variable: &str) -> bool {
    std::env::var_os(variable).is_none() && !docker_answers()
}
