//! Commands that look before anything is called.

use std::path::PathBuf;

use clap::Args;

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

fn period(text: &str) -> Result<Period<0>, String> {
    use serde::Deserialize;
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};

    let text: StrDeserializer<'_, Error> = text.into_deserializer();
    Period::deserialize(text).map_err(|error| error.to_string())
}
