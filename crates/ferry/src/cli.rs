//! The command line.

mod desk;
pub(crate) mod lookups;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use self::lookups::{
    AuditArgs, CompletionsArgs, InitArgs, LookupArgs, MappingCommand, PurgeArgs, RunsCommand,
    VerifyArgs,
};
use crate::commands::dead::args::DeadCommand;
use crate::config::{Environment, Rate};

pub(crate) use desk::{CheckArgs, PlanArgs};

/// Carries live login sessions from a legacy identity provider to Stytch, before the cut-over.
#[derive(Debug, Parser)]
#[command(
    name = "ferry",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// The configuration file. Without it, ferry.toml in this folder is read if it is there.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Which Stytch environment: loads .env.test or .env.live. A live project needs `--env live`.
    #[arg(long, global = true, value_name = "ENV")]
    pub(crate) env: Option<Environment>,
    /// The data folder, with ledger, key ring and rejects files.
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(InitArgs),
    Plan(PlanArgs),
    Check(CheckArgs),
    Run(RunArgs),
    Enqueue(EnqueueArgs),
    Work(WorkArgs),
    Status(StatusArgs),
    Runs(RunsArgs),
    Pause(PauseArgs),
    Resume(ResumeArgs),
    Cancel(CancelArgs),
    Serve(ServeArgs),
    #[command(subcommand)]
    Dead(DeadCommand),
    Verify(VerifyArgs),
    Lookup(LookupArgs),
    #[command(subcommand)]
    Mapping(MappingCommand),
    Audit(AuditArgs),
    Purge(PurgeArgs),
    /// Look up what attempts of unknown outcome may have minted, and revoke it, where a look is due.
    #[command(after_help = "Example:\n  ferry sweep --env live")]
    Sweep {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    Demo(DemoArgs),
    Sim(SimArgs),
    #[command(subcommand)]
    Keys(KeysCommand),
    #[command(subcommand)]
    Config(ConfigCommand),
    Completions(CompletionsArgs),
}

/// Register an export and carry its sessions, in one process, until each has a final state.
///
/// The same command after a crash, after Ctrl-C or on the same export goes on where it was. The
/// first Ctrl-C finishes what is in flight, the second stops at once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ferry run sessions.csv
  ferry run sessions.ndjson.zst --run wave-1 --rate 20
  psql -c \"COPY (…) TO STDOUT CSV HEADER\" | ferry run - --run wave-2 --json")]
pub(crate) struct RunArgs {
    /// CSV or NDJSON, plain, .gz or .zst; `-` reads standard input.
    pub(crate) export: PathBuf,
    /// The run's name. Without it, it is made from the export's name and content.
    #[arg(long, value_name = "NAME")]
    pub(crate) run: Option<String>,
    /// Sessions per second, or `unlimited` (on loopback only).
    #[arg(long, value_name = "RATE")]
    pub(crate) rate: Option<Rate>,
    /// Calls in flight at once.
    #[arg(long, value_name = "CALLS")]
    pub(crate) concurrency: Option<u32>,
    /// How long to wait at the end for attempts of unknown outcome to be looked up, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) audit_timeout: u64,
    /// Print the report as one JSON object, the last line on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Register an export, dispatch the first of its sessions, and leave the rest to the workers.
///
/// The same command after a crash goes on where it was. Two at once on the same export register it
/// once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ferry enqueue sessions.csv --run wave-1
  zcat sessions.csv.gz | ferry enqueue - --run wave-2 --json")]
pub(crate) struct EnqueueArgs {
    /// CSV or NDJSON, plain, .gz or .zst; `-` reads standard input.
    pub(crate) export: PathBuf,
    /// The run's name. Without it, it is made from the export's name and content.
    #[arg(long, value_name = "NAME")]
    pub(crate) run: Option<String>,
    /// Sessions per second of the workers, or `unlimited` (on loopback only): so far ahead of them
    /// is dispatched.
    #[arg(long, value_name = "RATE")]
    pub(crate) rate: Option<Rate>,
    /// Print the run's books as one JSON object, the last line on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Carry the sessions of all active runs, until stopped.
///
/// Any number of workers share a fleet's ledger and queue; one of them dispatches, one of them
/// sweeps. The first SIGTERM or Ctrl-C finishes what is in flight within 20 s, the second stops at
/// once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ferry work
  ferry work --until-empty --rate 20")]
pub(crate) struct WorkArgs {
    /// Leave when no run has anything left to call or to look up. Paused runs are not waited for.
    #[arg(long)]
    pub(crate) until_empty: bool,
    /// Calls to Stytch per second, of all workers together, or `unlimited` (on loopback only). Give
    /// all the same.
    #[arg(long, value_name = "RATE")]
    pub(crate) rate: Option<Rate>,
    /// Calls in flight at once.
    #[arg(long, value_name = "CALLS")]
    pub(crate) concurrency: Option<u32>,
}

/// Tell Prometheus how far all runs are, until stopped. Changes nothing, and works beside others.
///
/// Answers `/metrics`, `/healthz` and `/readyz`, by plain http, to everybody who can reach it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ferry serve
  ferry serve --listen 127.0.0.1:9465")]
pub(crate) struct ServeArgs {
    /// Address and port to listen on, instead of `health.listen`; 127.0.0.1:9464 without either.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
}

/// Show a run as it stands, from any shell; without a name, all runs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ferry status
  ferry status wave-1 --json")]
pub(crate) struct StatusArgs {
    /// The run's name.
    pub(crate) run: Option<String>,
    /// Print one JSON object for each run, a line each.
    #[arg(long)]
    pub(crate) json: bool,
}

/// List all runs, the newest first: where each stands, and how much of it is left.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  ferry runs --json
  ferry runs report wave-1 --format html > wave-1.html"
)]
pub(crate) struct RunsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<RunsCommand>,
    /// Print one JSON object for each run, a line each.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Stop calling a run's sessions, from any shell. What is in flight is finished.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  ferry pause wave-1")]
pub(crate) struct PauseArgs {
    /// The run's name.
    pub(crate) run: String,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Go on with a run that is paused.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  ferry resume wave-1")]
pub(crate) struct ResumeArgs {
    /// The run's name.
    pub(crate) run: String,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Give a run up: its open sessions are skipped, and their tokens wiped. What was carried stays.
///
/// It cannot be undone. A later run can carry the same sessions with newer tokens.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ferry cancel wave-1 --dry-run
  ferry cancel wave-1 --yes")]
pub(crate) struct CancelArgs {
    /// The run's name.
    pub(crate) run: String,
    /// Do not ask. Needed where nobody can be asked.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Only tell how many sessions would be skipped.
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Make the keys that seal tokens at rest.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    Generate(KeysGenerateArgs),
}

/// Print a fresh key ring. All processes of a fleet need the same one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ferry keys generate --out keys       then set data.keys_file
  ferry keys generate | kubectl create secret generic ferry-keys --from-file=keys=/dev/stdin")]
pub(crate) struct KeysGenerateArgs {
    /// Write it to this new file (mode 0600) instead.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// Watch a whole crossing on embedded parts: a simulated Stytch with faults, an export of 5,000
/// sessions, `ferry run`, and an audit of every session that was minted.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ferry demo
  ferry demo --sessions 100000 --seed 8 --json")]
pub(crate) struct DemoArgs {
    /// Sessions in the export.
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) sessions: u64,
    /// Another seed makes other people and other faults.
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// Print the report as one JSON object, the last line on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Run the simulator: Stytch's API and an OIDC provider on loopback, with faults and an audit.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Example:
  ferry sim --sessions 10000 --seed 1 --realistic

Point the vendor's SDKs at it:
  Python  stytch.B2BClient(project_id=…, secret=…, environment=\"http://127.0.0.1:PORT/\")
  Node    new stytch.B2BClient({project_id, secret, env: \"http://127.0.0.1:PORT/\"})
  Rust    stytch::client::Client::new_with_base_url(id, secret, url, Vertical::B2B)
  Go      b2bstytchapi.NewClient(id, secret, WithBaseURI(\"http://127.0.0.1:PORT\"))

Change its faults while it runs:  curl -X PUT 127.0.0.1:PORT/sim/faults -d '{\"latency_ms\": 50}'
Its audit:                        curl 127.0.0.1:PORT/sim/audit"
)]
pub(crate) struct SimArgs {
    #[command(subcommand)]
    pub(crate) command: Option<SimCommand>,
    #[command(flatten)]
    pub(crate) population: PopulationArgs,
    /// Where to listen; loopback only.
    #[arg(long, default_value = "127.0.0.1:4010")]
    pub(crate) listen: std::net::SocketAddr,
    /// Faults at the start, as JSON (the form of /sim/faults).
    #[arg(long, value_name = "JSON")]
    pub(crate) faults: Option<String>,
    /// For benchmarks: answer UserInfo in process and sign one JWT for all.
    #[arg(long)]
    pub(crate) fast: bool,
    /// How many times as fast as the wall's clock its own clock runs.
    #[arg(long, default_value_t = 1.0)]
    pub(crate) time_scale: f64,
    /// Print where it is as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Chores around the simulator.
#[derive(Debug, Subcommand)]
pub(crate) enum SimCommand {
    Export(SimExportArgs),
}

/// Write an export that fits the simulator's people, to standard output.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  ferry sim --sessions 10000 --seed 1 &
  ferry sim export --sessions 10000 --seed 1 > sessions.csv")]
pub(crate) struct SimExportArgs {
    #[command(flatten)]
    pub(crate) population: PopulationArgs,
    /// The simulator's address, which the tokens name as their issuer.
    #[arg(long, default_value = "http://127.0.0.1:4010")]
    pub(crate) base_url: String,
    /// csv or ndjson.
    #[arg(long, value_enum, default_value_t = SimFormat::Csv)]
    pub(crate) format: SimFormat,
    /// The time that lifetimes count from, RFC 3339; now if not given.
    #[arg(long, value_name = "TIME")]
    pub(crate) now: Option<jiff::Timestamp>,
}

/// Who exists in the simulator.
#[derive(Debug, Args)]
pub(crate) struct PopulationArgs {
    /// Legacy sessions.
    #[arg(long, default_value_t = 5000)]
    pub(crate) sessions: u64,
    /// Another seed makes other people.
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// Some expired, malformed, duplicated and revoked sessions, some members missing.
    #[arg(long)]
    pub(crate) realistic: bool,
}

/// The form of a simulated export.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SimFormat {
    /// Comma-separated, with a header.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// Show the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// The values in force, each with its origin; secrets are hidden.
    #[command(after_help = "Example:\n  ferry config show --env test")]
    Show {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Every setting with its meaning, unit and default, as Markdown.
    #[command(after_help = "Example:\n  ferry config reference | less")]
    Reference,
}
