//! Benchmarks of the release binary, beside raw parts that are measured in the same run; see
//! `docs/benchmarks.md`. `cargo xtask bench` builds what it needs.
//!
//! `ferry run` and the simulator are child processes, watched through `/proc`; the raw parts run in
//! this one. All traffic stays on loopback, all files in a temporary folder.

mod bare_client;
mod crossing;
mod desk;
mod exports;
mod ferry;
mod figure;
mod fleet;
mod folder;
mod inserting;
mod machine;
mod measurement;
mod metrics;
mod peers;
mod plan;
mod planning;
mod process;
mod rates;
mod reading;
mod registering;
mod scale;
mod simulator;
mod soak;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand};

use crate::folder::Folder;
use crate::measurement::Report;
use crate::plan::Plan;
use crate::scale::Scale;

/// Measure the release binary beside raw parts.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask bench",
    max_term_width = 100,
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    bench: BenchArgs,
    /// The binary to measure; `ferry` beside this one if not given.
    #[arg(long, value_name = "FILE", global = true)]
    ferry: Option<PathBuf>,
    /// Where to make the temporary folder: some 8 GB for the full bench.
    #[arg(long, value_name = "FOLDER", global = true)]
    folder: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct BenchArgs {
    #[command(flatten)]
    shown: Shown,
    /// Rows of the large export; 1,000,000 if not given, 20,000 with --quick.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(100..=10_000_000))]
    sessions: Option<u64>,
}

#[derive(Debug, Args)]
struct FleetArgs {
    #[command(flatten)]
    shown: Shown,
    /// Rows to register; 200,000 if not given, 5,000 with --quick. Of them 50,000 at the most are
    /// carried.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(100..=10_000_000))]
    sessions: Option<u64>,
}

/// How much of it, and where the result goes.
#[derive(Debug, Args)]
struct Shown {
    /// Everything with few rows, in less than two minutes: shows that it works, judges nothing.
    #[arg(long)]
    quick: bool,
    /// Write the figures to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the table to this file too.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure a fleet on PostgreSQL and RabbitMQ beside a bare publisher and a bare pipeline. Starts
    /// both servers, unless `TEST_POSTGRES_URL` and `TEST_AMQP_URL` name some.
    Fleet(FleetArgs),
    /// Measure the same job as Python programs, beside Ferry. Installs their libraries below the
    /// target folder.
    Peers {
        #[command(flatten)]
        shown: Shown,
        /// Sessions; 20,000 if not given, 2,000 with --quick.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
        sessions: Option<u64>,
    },
    /// Measure what one worker and eight make of a limit, known and unknown: some 15 minutes. Starts
    /// both servers, unless `TEST_POSTGRES_URL` and `TEST_AMQP_URL` name some.
    Rates {
        #[command(flatten)]
        shown: Shown,
        /// Measure one part alone.
        #[arg(long, value_enum)]
        only: Option<rates::Part>,
    },
    /// Measure a scrape of a large ledger, and what metrics cost: some 10 minutes. Starts both servers,
    /// unless `TEST_POSTGRES_URL` and `TEST_AMQP_URL` name some.
    Metrics {
        #[command(flatten)]
        shown: Shown,
        /// Sessions in the ledger that is scraped; 5,000,000 if not given, 50,000 with --quick.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1_000..=50_000_000))]
        sessions: Option<u64>,
    },
    /// Measure what an operator asks of a large ledger, on SQLite and on PostgreSQL: plan, books, dead
    /// letters. Starts both servers, unless `TEST_POSTGRES_URL` and `TEST_AMQP_URL` name some.
    Desk {
        #[command(flatten)]
        shown: Shown,
        /// Dead sessions; 1,000,000 if not given, 20,000 with --quick. Five times as many sessions are
        /// in the ledger.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
        sessions: Option<u64>,
    },
    /// Carry many sessions through faults, watch memory and open files, then audit every session.
    Soak {
        /// How many.
        #[arg(long, value_name = "N", default_value_t = 1_000_000,
              value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
        sessions: u64,
    },
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    let ferry = cli.ferry.map_or_else(sibling, Ok)?;
    ensure!(
        ferry.is_file(),
        "{} is missing: use `cargo xtask bench`",
        ferry.display()
    );
    let folder = Folder::make(cli.folder.as_deref())?;
    match cli.command {
        None => bench(&ferry, &folder, &cli.bench).await?,
        Some(Command::Fleet(args)) => {
            let (quick, scale) = (
                args.shown.quick,
                fleet::Scale::new(args.shown.quick, args.sessions),
            );
            let report = fleet::carry_out(&ferry, &folder, scale, quick).await?;
            show(&report, &args.shown)?;
        }
        Some(Command::Peers { shown, sessions }) => {
            let sessions = sessions.unwrap_or(if shown.quick { 2_000 } else { 20_000 });
            let report = peers::carry_out(&ferry, &folder, sessions, shown.quick).await?;
            show(&report, &shown)?;
        }
        Some(Command::Rates { shown, only }) => {
            let report = rates::carry_out(&ferry, &folder, shown.quick, only).await?;
            show(&report, &shown)?;
        }
        Some(Command::Metrics { shown, sessions }) => {
            let length = metrics::Length::new(shown.quick, sessions);
            let report = metrics::carry_out(&ferry, &folder, length, shown.quick).await?;
            show(&report, &shown)?;
        }
        Some(Command::Desk { shown, sessions }) => {
            let sizes = desk::Sizes::new(shown.quick, sessions);
            let report = desk::carry_out(&ferry, &folder, sizes, shown.quick).await?;
            show(&report, &shown)?;
        }
        Some(Command::Soak { sessions }) => {
            if !soak::carry_out(&ferry, &folder, sessions).await? {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn bench(ferry: &Path, folder: &Folder, args: &BenchArgs) -> Result<()> {
    let plan = Plan {
        ferry,
        folder,
        scale: Scale::new(args.shown.quick, args.sessions),
        quick: args.shown.quick,
    };
    show(&plan.carry_out().await?, &args.shown)
}

fn show(report: &Report, args: &Shown) -> Result<()> {
    let table = report.markdown();
    println!("{table}");
    if let Some(path) = &args.markdown {
        fs::write(path, &table)?;
    }
    if let Some(path) = &args.json {
        fs::write(path, serde_json::to_string_pretty(report)?)?;
    }
    Ok(())
}

/// `ferry` in the folder of this program.
fn sibling() -> Result<PathBuf> {
    let own = std::env::current_exe().context("this program's own path")?;
    Ok(own.with_file_name("ferry"))
}
