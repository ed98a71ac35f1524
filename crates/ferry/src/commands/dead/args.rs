//! The command line of `ferry dead`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use ferry_core::Timestamp;
use ferry_core::reason::{DeadReason, SkipReason};
use ferry_ledger::Ledger;
use ferry_ledger::dead::Filter;
use strum::VariantArray;

use crate::config::Period;

/// Sessions that could not be carried: count, show, replay, export, or put them aside.
#[derive(Debug, Subcommand)]
pub(crate) enum DeadCommand {
    List(ListArgs),
    Show(ShowArgs),
    Replay(ReplayArgs),
    Park(ParkArgs),
    Discard(DiscardArgs),
    Export(ExportArgs),
    Sync(SyncArgs),
    #[command(subcommand)]
    Foreign(ForeignCommand),
}

/// Which dead sessions are meant: those that fit all of these.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which sessions")]
pub(crate) struct FilterArgs {
    /// That died of this; of one of several, with commas between them.
    #[arg(long, value_name = "REASON", value_delimiter = ',', value_parser = reason)]
    pub(crate) reason: Vec<DeadReason>,
    /// Whose last failure was of this class.
    #[arg(long, value_name = "CLASS", value_parser = CLASSES)]
    pub(crate) class: Option<String>,
    /// With this error type of Stytch's.
    #[arg(long, value_name = "TYPE")]
    pub(crate) error_type: Option<String>,
    /// In this organization, as the export names it.
    #[arg(long, value_name = "ORGANIZATION")]
    pub(crate) organization: Option<String>,
    /// Of this run.
    #[arg(long, value_name = "NAME")]
    pub(crate) run: Option<String>,
    /// With so many attempts that counted, or more.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) attempts: Option<u32>,
    /// That died so long ago, or longer: 30m, 2h.
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub(crate) older_than: Option<Duration>,
    /// That died since then.
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub(crate) newer_than: Option<Duration>,
    /// Those that were put aside, instead of those that were not.
    #[arg(long)]
    pub(crate) discarded: bool,
}

/// Count dead sessions by what they died of, the most frequent first, with what to do.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ferry dead list
  ferry dead list --reason member_missing --newer-than 2h --sessions
  ferry dead list --run wave-1 --json")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// List the first of the sessions, too.
    #[arg(long)]
    pub(crate) sessions: bool,
    /// How many of them.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 20,
        requires = "sessions"
    )]
    pub(crate) limit: u32,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show one session: whose it is, each attempt that failed, each replay, and what to do.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  ferry dead show 4711")]
pub(crate) struct ShowArgs {
    /// The session's number, as `ferry dead list --sessions` tells it.
    pub(crate) session: i64,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Give dead sessions another chance, once what they died of is mended.
///
/// A few of each reason go first. The others follow if one of those is carried; if none is, they
/// would end alike, and stay as they are. On one machine this command carries them itself; in a
/// fleet the workers do. What was carried is never replayed, and twice is harmless.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ferry dead replay --reason member_missing --dry-run
  ferry dead replay --reason member_missing --env live
  ferry dead replay --all --rate 5 --limit 1000 --env live")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// All that are dead. Needed where no other option says which.
    #[arg(long)]
    pub(crate) all: bool,
    /// Only tell what would be replayed, and what not.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The most sessions to replay.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) limit: Option<u64>,
    /// So many of them become due per second. Without it, all at once: the workers' rate is the limit.
    #[arg(long, value_name = "RATE", value_parser = per_second)]
    pub(crate) rate: Option<f64>,
    /// How many of each reason go first; 0 sends all at once.
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    pub(crate) canary: u32,
    /// How long to wait for their outcome, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub(crate) canary_timeout: u64,
    /// In a fleet: wait for the outcome of all.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Print one JSON object, the last line on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Let sessions that died of a missing member go again by themselves, once the member exists.
///
/// `ferry work` (without `--until-empty`) looks for each one's member from time to time, by the email
/// of the export, and replays the session once it finds it. That happens once: who dies again is not
/// parked any more.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ferry dead park --reason member_missing --dry-run
  ferry dead park --run wave-1
  ferry dead park --all --undo")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct ParkArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// All that died of a missing member. Needed where no other option says which.
    #[arg(long)]
    pub(crate) all: bool,
    /// They go by themselves no more.
    #[arg(long)]
    pub(crate) undo: bool,
    /// Only tell how many.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Put dead sessions aside: they stay dead, and are not listed, mirrored or replayed any more unless
/// `--discarded` asks for them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ferry dead discard --reason token_refused --dry-run
  ferry dead discard --reason token_refused --yes")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct DiscardArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// All that are dead. Needed where no other option says which.
    #[arg(long)]
    pub(crate) all: bool,
    /// Do not ask. Needed where nobody can be asked.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Only tell how many.
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Write dead sessions into a new file: whose they are, what they died of, and what to do. It holds
/// no token, but emails.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ferry dead export missing.csv --reason member_missing
  ferry dead export dead.ndjson")]
pub(crate) struct ExportArgs {
    /// The file. One that exists is left alone.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// The form; without it the file's name tells: .ndjson and .jsonl, else CSV.
    #[arg(long, value_enum)]
    pub(crate) format: Option<ExportFormat>,
    /// Print one JSON object: the file, and how many sessions are in it.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The form of an export of dead sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// With a header; cells that a spreadsheet would take for a formula are quoted.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// Put the broker's dead-letter queue right: one letter for each dead session, and nothing else.
///
/// Messages that are not ours are taken out and kept: see `ferry dead foreign`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  ferry dead sync")]
pub(crate) struct SyncArgs {
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Messages of somebody else's that lay in the dead-letter queue.
#[derive(Debug, Subcommand)]
pub(crate) enum ForeignCommand {
    /// List them: digest, size, type; never what is in them.
    #[command(after_help = "Example:\n  ferry dead foreign list")]
    List {
        /// Print one JSON object for each, a line each.
        #[arg(long)]
        json: bool,
    },
    /// Write one into a new file (mode 0600), as it came.
    #[command(after_help = "Example:\n  ferry dead foreign save 3f2a letter.bin")]
    Save {
        /// The first characters of its digest, enough to tell it from others.
        digest: String,
        /// The file. One that exists is left alone.
        file: PathBuf,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Throw one away, for good.
    #[command(after_help = "Example:\n  ferry dead foreign discard 3f2a --yes")]
    Discard {
        /// The first characters of its digest, enough to tell it from others.
        digest: String,
        /// Do not ask. Needed where nobody can be asked.
        #[arg(long)]
        yes: bool,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

impl FilterArgs {
    /// Nothing is said of which sessions are meant.
    pub(crate) fn is_all(&self) -> bool {
        let Self {
            reason,
            class,
            error_type,
            organization,
            run,
            attempts,
            older_than,
            newer_than,
            discarded,
        } = self;
        let texts = [class, error_type, organization, run];
        reason.is_empty()
            && texts.iter().all(|text| text.is_none())
            && attempts.is_none()
            && older_than.is_none()
            && newer_than.is_none()
            && !discarded
    }

    /// Of this ledger, now.
    pub(crate) async fn resolve(&self, ledger: &Ledger) -> Result<Filter> {
        let run = match &self.run {
            Some(name) => Some(super::super::runs::find(ledger, name).await?.id),
            None => None,
        };
        let now = ledger.now();
        let ago = |age: Duration| {
            let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
            Timestamp::from_millis(now.as_millis().saturating_sub(age))
        };
        Ok(Filter {
            run,
            reasons: self.reason.clone(),
            class: self.class.clone(),
            error_type: self.error_type.clone(),
            organization: self.organization.clone(),
            attempts: self.attempts,
            died_until: self.older_than.map(ago),
            died_since: self.newer_than.map(ago),
            discarded: self.discarded,
        })
    }

    /// As the audit log tells it.
    pub(crate) fn shown(&self) -> String {
        let text = |name: &str, text: &Option<String>| text.as_ref().map(|t| format!("{name} {t}"));
        let reasons: Vec<_> = self.reason.iter().map(ToString::to_string).collect();
        let reasons = (!reasons.is_empty()).then(|| format!("reason {}", reasons.join(",")));
        let seconds = |name: &str, age: Option<Duration>| {
            age.map(|age| format!("{name} {} s", age.as_secs()))
        };
        let parts = [
            reasons,
            text("class", &self.class),
            text("error type", &self.error_type),
            text("organization", &self.organization),
            text("run", &self.run),
            self.attempts.map(|attempts| format!("attempts {attempts}")),
            seconds("older than", self.older_than),
            seconds("newer than", self.newer_than),
            self.discarded.then(|| "put aside before".to_owned()),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        if parts.is_empty() {
            "all".to_owned()
        } else {
            parts.join(", ")
        }
    }
}

/// The names of `ferry_core::failure::FailureClass`.
const CLASSES: [&str; 6] = [
    "transient",
    "capacity",
    "session",
    "set_up",
    "ambiguous",
    "unknown_outcome",
];

fn reason(text: &str) -> Result<DeadReason, String> {
    text.parse().map_err(|_| match text.parse::<SkipReason>() {
        Ok(SkipReason::Revoked) => {
            "revoked sessions are skipped, and are never carried again".to_owned()
        }
        Ok(skipped) => format!(
            "{skipped} sessions are skipped, not dead, and cannot be replayed: {}",
            skipped.remedy()
        ),
        Err(_) => {
            let known: Vec<_> = DeadReason::VARIANTS
                .iter()
                .map(ToString::to_string)
                .collect();
            format!("no session dies of that; reasons are {}", known.join(", "))
        }
    })
}

fn age(text: &str) -> Result<Duration, String> {
    let period: Result<Period<0>, _> = serde_json::from_value(text.into());
    period.map(Period::get).map_err(|error| error.to_string())
}

fn per_second(text: &str) -> Result<f64, String> {
    let rate = text
        .parse()
        .ok()
        .filter(|rate| (0.001..=100_000.0).contains(rate));
    rate.ok_or_else(|| "not a rate: give sessions per second, 0.001 to 100000".to_owned())
}
