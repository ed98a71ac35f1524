//! The vendor's official SDKs, pointed at the simulator: each tells the same story in its language.
//!
//! The programs are in `tests/vendor`, each with its versions pinned. What they need is installed
//! once, below `target/vendor-sdks`. They get the story on standard input and print the facts that
//! hold.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ferry_sim::{Faults, Options, PersonChange, Population, Simulator};
use serde_json::json;

#[tokio::test]
async fn the_rust_sdk_migrates_verifies_lists_revokes_creates_and_reads_errors() {
    let sims = Simulators::start().await;
    run(sims.story(), || {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut program = Command::new(cargo);
        program
            .args(["test", "--locked", "--quiet", "--manifest-path"])
            .arg(source("rust").join("Cargo.toml"))
            .arg("--target-dir")
            .arg(folder("rust"));
        program
    })
    .await;
    sims.check();
}

#[tokio::test]
async fn the_python_sdk_migrates_verifies_lists_revokes_creates_and_reads_errors() {
    let sims = Simulators::start().await;
    run(sims.story(), || {
        let environment = python_environment();
        let mut program = Command::new(environment.join("bin/python"));
        program.arg(source("python").join("story.py"));
        program
    })
    .await;
    sims.check();
}

#[tokio::test]
async fn the_node_sdk_migrates_verifies_lists_revokes_creates_and_reads_errors() {
    let sims = Simulators::start().await;
    run(sims.story(), || {
        let modules = node_modules();
        let mut program = Command::new("node");
        program.arg(modules.join("story.mjs"));
        program
    })
    .await;
    sims.check();
}

/// A simulator as it should be, and one that tells every migrate call to wait.
struct Simulators {
    plain: Simulator,
    limited: Simulator,
}

impl Simulators {
    async fn start() -> Self {
        let plain = simulator(Faults::default()).await;
        plain.change_person(
            &plain.population().person(URSULA_UNKNOWN).subject,
            PersonChange {
                member_exists: Some(false),
                ..PersonChange::default()
            },
        );
        let limited = simulator(Faults {
            error_429: 1.0,
            ..Faults::default()
        })
        .await;
        Self { plain, limited }
    }

    /// What a program is told. The SDKs want a slash at the end of a base URL.
    fn story(&self) -> Story {
        let credentials = self.plain.credentials();
        let population = self.plain.population();
        let [alice, ursula] = [ALICE_ACTIVE, URSULA_UNKNOWN].map(|number| {
            let person = population.person(number);
            let organization = population.organization(person.organization);
            (person, organization)
        });
        let tokens = [
            self.plain.access_token(ALICE_ACTIVE, 3600),
            self.plain.access_token(URSULA_UNKNOWN, 3600),
            self.plain.access_token(ALICE_ACTIVE, -60),
        ];
        let text = json!({
            "base_url": format!("{}/", self.plain.base_url()),
            "limited_base_url": format!("{}/", self.limited.base_url()),
            "project_id": credentials.project_id,
            "secret": credentials.secret,
            "alice": {
                "session_token": tokens[0],
                "email": alice.0.email,
                "organization_id": alice.1.organization_id,
                "organization_slug": alice.1.slug,
                "organization_external_id": alice.1.external_id,
            },
            "ursula": {
                "session_token": tokens[1],
                "organization_id": ursula.1.organization_id,
            },
            "expired_session_token": tokens[2],
        });
        Story {
            text: text.to_string(),
            secrets: tokens
                .into_iter()
                .chain([credentials.secret.clone()])
                .collect(),
        }
    }

    /// That the program did what it says: the simulator has seen all of it.
    fn check(&self) {
        let audit = self.plain.audit();
        for endpoint in ENDPOINTS {
            assert!(audit.calls_of(endpoint, "ok") > 0, "{endpoint} not called");
        }
        assert!(audit.calls_of("migrate", "unauthorized_credentials") > 0);
        assert_eq!(audit.sessions.revoked, 2, "one of each API");
        let limited = self.limited.audit();
        assert_eq!(limited.calls_of("migrate", "too_many_requests"), 1);
    }
}

async fn simulator(faults: Faults) -> Simulator {
    let population = Population {
        organizations: 2,
        ..Population::new(20, 11)
    };
    let options = Options {
        population,
        faults,
        ..Options::default()
    };
    Simulator::start(options)
        .await
        .expect("a free port on loopback")
}

/// What a program reads, and what it must not print.
struct Story {
    text: String,
    secrets: Vec<String>,
}

impl Story {
    /// Both outputs of a program, without the secrets of the story.
    fn shown(&self, output: &Output) -> String {
        let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        self.secrets.iter().fold(text.concat(), |text, secret| {
            text.replace(secret, "[secret]")
        })
    }
}

/// Makes the program and runs it, beside the simulators.
async fn run(story: Story, program: impl FnOnce() -> Command + Send + 'static) {
    let told = tokio::task::spawn_blocking(move || tell(&story, program()));
    if let Err(panicked) = told.await {
        std::panic::resume_unwind(panicked.into_panic());
    }
}

/// Gives the program its story; panics with what it printed if it fails.
fn tell(story: &Story, mut program: Command) {
    let mut child = program
        .envs(["NO_PROXY", "no_proxy"].map(|name| (name, with_loopback(name))))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| missing(&program, &error));
    let mut input = child.stdin.take().expect("it is piped");
    // A program that ends without reading tells why in its output.
    let _ = input.write_all(story.text.as_bytes());
    drop(input);
    let output = child.wait_with_output().expect("it was started");
    assert!(output.status.success(), "{}", story.shown(&output));
}

/// The hosts that no proxy is asked for: also this machine's, which none can reach.
fn with_loopback(name: &str) -> String {
    let others = std::env::var(name).unwrap_or_default();
    format!("127.0.0.1,{others}")
}

/// A virtual environment with the Python SDK; its folder.
fn python_environment() -> PathBuf {
    let requirements = source("python").join("requirements.txt");
    let version = finish(Command::new("python3").arg("--version"));
    let folder = folder("python");
    install(&folder, &[&requirements], &version, || {
        finish(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&folder),
        );
        finish(
            Command::new(folder.join("bin/python"))
                .args(["-m", "pip", "install", "--quiet", "--no-input"])
                .args(["--disable-pip-version-check", "--requirement"])
                .arg(&requirements),
        );
    });
    folder
}

/// A folder with the Node SDK and the program, which finds the SDK by its own place.
fn node_modules() -> PathBuf {
    let files =
        ["package.json", "package-lock.json", ".npmrc"].map(|name| source("node").join(name));
    let program = source("node").join("story.mjs");
    let version = finish(Command::new("node").arg("--version"));
    let folder = folder("node");
    let sources: Vec<&Path> = files
        .iter()
        .chain([&program])
        .map(PathBuf::as_path)
        .collect();
    install(&folder, &sources, &version, || {
        fs::create_dir_all(&folder).expect("the target folder can be written");
        for file in &sources {
            let name = file.file_name().expect("it is a file");
            fs::copy(file, folder.join(name)).expect("the target folder can be written");
        }
        finish(
            Command::new("npm")
                .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
                .current_dir(&folder),
        );
    });
    folder
}

/// Installs unless that was done already, from the same files and for the same version. Only one
/// at a time does it; the others wait and find it done.
fn install(folder: &Path, files: &[&Path], version: &str, install: impl FnOnce()) {
    let mut wanted = version.to_owned();
    for file in files {
        wanted.push_str(&fs::read_to_string(file).expect("it is in the repository"));
    }
    fs::create_dir_all(folder.parent().expect("it is below the target folder"))
        .expect("the target folder can be written");
    let lock =
        File::create(folder.with_extension("lock")).expect("the target folder can be written");
    lock.lock().expect("the file system has locks");
    let installed = folder.with_extension("installed");
    if fs::read_to_string(&installed).is_ok_and(|found| found == wanted) && folder.exists() {
        return;
    }
    // Whoever finds half of it, after an interruption, begins again.
    let _ = fs::remove_file(&installed);
    install();
    fs::write(installed, wanted).expect("the target folder can be written");
}

/// Runs a command to its end; what it printed. Panics with it if it fails.
fn finish(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| missing(command, &error));
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    let text = text.concat();
    assert!(
        output.status.success(),
        "{command:?} fails.\n{text}\n{HOW_TO_GET}"
    );
    text
}

fn missing(command: &Command, error: &std::io::Error) -> ! {
    let program = command.get_program().to_string_lossy();
    let what = match error.kind() {
        ErrorKind::NotFound => "is missing".to_owned(),
        _ => format!("cannot be started: {error}"),
    };
    panic!("{program} {what}. {HOW_TO_GET}");
}

/// Where a program is in the repository.
fn source(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/vendor")
        .join(language)
}

/// Where its surroundings are installed.
fn folder(language: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .with_file_name("vendor-sdks")
        .join(language)
}

/// Numbers of the people of the story, and of their one session each.
const ALICE_ACTIVE: u64 = 0;
const URSULA_UNKNOWN: u64 = 1;

/// What every program calls with success.
const ENDPOINTS: [&str; 13] = [
    "whoami",
    "migrate",
    "jwks",
    "list_sessions",
    "authenticate",
    "revoke",
    "create_member",
    "get_member",
    "search_members",
    "consumer_migrate",
    "consumer_jwks",
    "consumer_list_sessions",
    "consumer_revoke",
];

const HOW_TO_GET: &str = "`cargo xtask test` installs what the vendor's SDKs need: on Debian, the \
    packages python3-venv, nodejs and npm; the SDKs themselves come from PyPI, npm and crates.io.";
