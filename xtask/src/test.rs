//! `cargo xtask test`.

use anyhow::Result;

use crate::shell::{cargo, run};
use crate::tools::{DebianProgram, NEXTEST, install_debian};

/// The vendor's SDKs are tried against the simulator.
const PROGRAMS: &[DebianProgram] = &[
    DebianProgram {
        probe: &["python3", "-c", "import ensurepip, venv"],
        packages: &["python3", "python3-venv"],
    },
    DebianProgram {
        probe: &["npm", "--version"],
        packages: &["nodejs", "npm"],
    },
];

/// Installs what is missing, then runs every test; the runner's summary comes last.
pub(crate) fn run_all(arguments: &[String]) -> Result<()> {
    NEXTEST.install()?;
    install_debian(PROGRAMS)?;
    if arguments.is_empty() {
        run(cargo(&["test", "--workspace", "--doc", "--quiet"]))?;
    }
    let arguments = arguments.iter().map(String::as_str);
    let nextest = ["nextest", "run", "--workspace"]
        .into_iter()
        .chain(arguments);
    run(cargo(&nextest.collect::<Vec<_>>()))
}
