//! Commands that look before anything is called.

use std::path::PathBuf;

use clap::Args;

use crate::check::Code;
use crate::config::{Period, Rate};

/// Tell what an export would come to, without a call and without the ledger: who is carried, who
/// expires first, who cannot be carried and why, how long it takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ferry plan sessions.csv
  ferry plan sessions.csv --begin-at 2026-03-01T20:00:00Z --rate 20
  zcat sessions.csv.gz | ferry plan - --json")]
pub(crate) struct PlanArgs {
    /// CSV or NDJSON, plain, .gz or .zst; `-` reads standard input.
    pub(crate) export: PathBuf,
    /// When the run begins, RFC 3339; now if not given.
    #[arg(long, value_name = "TIME")]
    pub(crate) begin_at: Option<jiff::Timestamp>,
    /// Sessions per second, or `unlimited`.
    #[arg(long, value_name = "RATE")]
    pub(crate) rate: Option<Rate>,
    /// How soon after the cut-over all users are back: what carrying them on demand is reckoned by.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = period)]
    pub(crate) back_within: Period<0>,
    /// Print the plan as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Look at everything that a run needs, and change nothing: settings, credentials, clocks, key ring,
/// ledger, queue, disk; and of an export its tokens, organizations and members.
///
/// Exit code 0: all is well; 10: errors, a run would fail; 11: warnings.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ferry check --env test
  ferry check sessions.csv --env live --accept-warning provider_unset
  ferry check sessions.csv --no-members --json
  ferry check sessions.csv --ask-userinfo 20")]
pub(crate) struct CheckArgs {
    /// CSV or NDJSON, plain, .gz or .zst; `-` reads standard input.
    pub(crate) export: Option<PathBuf>,
    /// A warning that counts for nothing; may be given several times.
    #[arg(long, value_name = "CODE", value_parser = crate::check::warning_code)]
    pub(crate) accept_warning: Vec<Code>,
    /// Do not look for the export's people at Stytch, which takes a minute for 96,000 members.
    #[arg(long)]
    pub(crate) no_members: bool,
    /// Show the first so many tokens of the export to the legacy provider's UserInfo endpoint, as
    /// Stytch will. Needs `legacy.issuer`.
    #[arg(long, value_name = "TOKENS", default_value_t = 0, requires = "export", value_parser = clap::value_parser!(u16).range(..=1000))]
    pub(crate) ask_userinfo: u16,
    /// Sessions per second, or `unlimited` (on loopback only).
    #[arg(long, value_name = "RATE")]
    pub(crate) rate: Option<Rate>,
    /// Print what was found as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

fn period(text: &str) -> Result<Period<0>, String> {
    use serde::Deserialize;
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};

    let text: StrDeserializer<'_, Error> = text.into_deserializer();
    Period::deserialize(text).map_err(|error| error.to_string())
}
