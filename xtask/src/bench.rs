//! `cargo xtask bench`.

use anyhow::Result;

use crate::shell::{cargo, run};
use crate::tools::{DebianProgram, install_debian};

/// What `bench fleet`, `peers`, `rates`, `metrics` and `desk` start, unless the environment names
/// servers.
const SERVERS: &[DebianProgram] = &[
    DebianProgram {
        probe: &["test", "-x", ferry_testbed::rabbitmq::SERVER],
        packages: &["rabbitmq-server"],
    },
    DebianProgram {
        probe: &["sh", "-c", "ls /usr/lib/postgresql/*/bin/initdb"],
        packages: &["postgresql"],
    },
];

/// What `bench peers` is run by.
const PYTHON: &[DebianProgram] = &[DebianProgram {
    probe: &["python3", "-c", "import ensurepip, venv"],
    packages: &["python3", "python3-venv"],
}];

/// The parts that measure on real servers.
const SERVED: [&str; 5] = ["peers", "fleet", "rates", "metrics", "desk"];

/// Builds the binary as users do, by itself, so that nothing else lends it features; then measures.
pub(crate) fn run_all(arguments: &[String]) -> Result<()> {
    let names = |part: &str| arguments.iter().any(|argument| argument == part);
    if names("peers") {
        install_debian(PYTHON)?;
    }
    if SERVED.into_iter().any(names) {
        install_debian(SERVERS)?;
    }
    run(cargo(&[
        "build",
        "--release",
        "--package",
        "ferry",
        "--bin",
        "ferry",
    ]))?;
    let arguments = arguments.iter().map(String::as_str);
    let measure = ["run", "--release", "--package", "ferry-bench", "--"]
        .into_iter()
        .chain(arguments);
    run(cargo(&measure.collect::<Vec<_>>()))
}
