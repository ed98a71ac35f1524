//! `cargo xtask test`.

use anyhow::Result;
use ferry_testbed::postgres::{PrivatePostgres, SHARED_SETTINGS};
use ferry_testbed::rabbitmq::PrivateBroker;
use ferry_testbed::{
    AMQP_URL, POSTGRES_URL, SharedBroker, SharedPostgres, docker_answers, shared_broker,
    shared_postgres,
};
use tokio::runtime::Runtime;

use crate::shell::{cargo, run};
use crate::tools::{DebianProgram, NEXTEST, install_debian};

/// The vendor's SDKs are tried against the simulator, the queue on a broker, the ledger on a
/// database, the metrics by Prometheus.
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
    DebianProgram {
        probe: &["systemd-analyze", "--version"],
        packages: &["systemd"],
    },
    // With `promtool`. The tests start one of their own; what the package itself may start is let be.
    DebianProgram {
        probe: &["promtool", "--version"],
        packages: &["prometheus"],
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
    nextest.envs(services.urls());
    run(nextest)
}

/// Shows where the services are, until nobody reads on.
pub(crate) fn serve() -> Result<()> {
    install_debian(PROGRAMS)?;
    let services = Services::start()?;
    for (name, url) in services.urls() {
        println!("export {name}='{url}'");
    }
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}

/// Cargo would build the whole workspace beside it.
fn names_a_package(argument: &str) -> bool {
    argument.starts_with("-p") || argument.starts_with("--package")
}

/// What the tests share. It ends when it is dropped.
struct Services {
    broker: Service<SharedBroker, PrivateBroker>,
    postgres: Service<SharedPostgres, PrivatePostgres>,
    /// What ends a container.
    _runtime: Runtime,
}

/// Given by the environment or in a container, or else started here.
enum Service<Shared, Private> {
    Shared(Shared),
    Private(Private),
}

impl Services {
    fn start() -> Result<Self> {
        let runtime = Runtime::new()?;
        let postgres = if is_given(POSTGRES_URL) {
            Service::Shared(runtime.block_on(shared_postgres())?)
        } else {
            eprintln!("starting a private PostgreSQL");
            Service::Private(PrivatePostgres::start(&SHARED_SETTINGS.join("\n"))?)
        };
        let broker = if is_given(AMQP_URL) {
            Service::Shared(runtime.block_on(shared_broker())?)
        } else {
            eprintln!("starting a private RabbitMQ, some 20 s");
            Service::Private(PrivateBroker::start("", "")?)
        };
        Ok(Self {
            broker,
            postgres,
            _runtime: runtime,
        })
    }

    /// Where they are.
    fn urls(&self) -> [(&'static str, String); 2] {
        let broker = match &self.broker {
            Service::Shared(broker) => broker.url.clone(),
            Service::Private(broker) => broker.url(),
        };
        let postgres = match &self.postgres {
            Service::Shared(postgres) => postgres.url.clone(),
            Service::Private(postgres) => postgres.url(),
        };
        [(AMQP_URL, broker), (POSTGRES_URL, postgres)]
    }
}

fn is_given(variable: &str) -> bool {
    std::env::var_os(variable).is_some() || docker_answers()
}
