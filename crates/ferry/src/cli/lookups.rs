//! Commands that look up, prove, report and tidy.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Prove a run: its books, one mapping for each migrated session, and at Stytch that the sessions
/// are alive and belong to the right member of the right organization.
///
/// Exit code 0: all is well; 8: something is wrong, and told; 75: Stytch did not answer for all.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ferry verify wave-1 --env live
  ferry verify wave-1 --env live --all
  ferry verify wave-1 --sample 0 --json        the ledger alone, without a call")]
pub(crate) struct VerifyArgs {
    /// The run's name.
    pub(crate) run: String,
    /// How many mappings are asked for at Stytch, drawn at random. Their calls come out of the share
    /// of the rate that is kept for look-ups.
    #[arg(long, value_name = "NUMBER", default_value_t = 200)]
    pub(crate) sample: u32,
    /// Ask for all of them. Their calls come out of the whole rate, beside runs under way.
    #[arg(long, conflicts_with = "sample")]
    pub(crate) all: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Find what became of legacy sessions, or the legacy key of Stytch sessions.
///
/// A legacy session id may be as good as a password, so it is read from standard input or a file,
/// never from the command line. A line each: CSV (`session_id,organization`; with a header in any
/// order) or a JSON object with these names. A line that cannot be read is told by its number, and
/// the others are looked up; the exit code is 1 then.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ferry lookup --file sessions.csv --json
  echo '{\"session_id\": \"…\", \"organization\": \"acme\"}' | ferry lookup
  ferry lookup --reverse --file stytch-sessions.txt")]
pub(crate) struct LookupArgs {
    /// Read the lines from this file instead of standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The lines are ids of Stytch sessions (`member_session_id`): find their legacy keys.
    #[arg(long)]
    pub(crate) reverse: bool,
    /// Show the Stytch session tokens, too: who has one is logged in. It is noted in the audit log.
    #[arg(long)]
    pub(crate) reveal: bool,
    /// Print one JSON object for each line, a line each.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Mappings of legacy sessions to Stytch sessions.
#[derive(Debug, Subcommand)]
pub(crate) enum MappingCommand {
    Export(MappingExportArgs),
}

/// Write the mappings into a new file (mode 0600), without the session tokens.
///
/// In CSV, a cell that a spreadsheet would take for a formula gets a `'` before it; NDJSON has all
/// as it is.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ferry mapping export --out mappings.csv
  ferry mapping export --run wave-1 --out mappings.ndjson --reveal-tokens")]
pub(crate) struct MappingExportArgs {
    /// The file. One that exists is left alone.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Only those of this run.
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// csv or ndjson; by the file's name if not given, else csv.
    #[arg(long, value_enum)]
    pub(crate) format: Option<MappingFormat>,
    /// Write the Stytch session tokens, too: who has the file is logged in as everybody. It is noted
    /// in the audit log.
    #[arg(long)]
    pub(crate) reveal_tokens: bool,
    /// Print one JSON object: the file, and how many mappings are in it.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The form of exported mappings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MappingFormat {
    /// Comma-separated, with a header.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// More about runs.
#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    Report(RunReportArgs),
}

/// Report a run in full, to standard output: its books, outcomes over time, reasons, and when the
/// sessions end. A run that is still going is reported as it stands.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ferry runs report wave-1
  ferry runs report wave-1 --format html > wave-1.html")]
pub(crate) struct RunReportArgs {
    /// The run's name.
    pub(crate) run: String,
    /// The form. HTML is one file, pictures included.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub(crate) format: ReportFormat,
    /// The same as `--format json`.
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
}

/// The form of a run's report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For a terminal.
    Text,
    /// One JSON object.
    Json,
    /// For a wiki or an issue.
    Markdown,
    /// For a browser: one file, no network.
    Html,
}

/// Show what operators did: who, when, what, to how many. The newest comes first.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ferry audit
  ferry audit --limit 1000 --json")]
pub(crate) struct AuditArgs {
    /// How many deeds.
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    pub(crate) limit: u32,
    /// Print one JSON object for each, a line each.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Wipe what is past its retention: tokens of dead sessions, and tokens of Stytch sessions that are
/// over. The section `[retention]` says when.
///
/// Books, reasons and ids stay. It cannot be undone. Fit for a timer: `ferry purge --yes`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ferry purge --dry-run
  ferry purge --yes")]
pub(crate) struct PurgeArgs {
    /// Only tell how much would be wiped.
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Do not ask. Needed where nobody can be asked.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Begin in this folder: a commented ferry.toml, .env.test and .env.live (mode 0600) for the
/// credentials, and a .gitignore that keeps secrets out of a repository.
///
/// What exists is left alone.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  mkdir crossing && cd crossing && ferry init")]
pub(crate) struct InitArgs {
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print a script that completes Ferry's commands in a shell.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ferry completions bash > /etc/bash_completion.d/ferry
  ferry completions zsh > ~/.zfunc/_ferry
  ferry completions fish > ~/.config/fish/completions/ferry.fish")]
pub(crate) struct CompletionsArgs {
    /// Whose script.
    pub(crate) shell: clap_complete::Shell,
}
