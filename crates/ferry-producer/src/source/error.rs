//! Why an export cannot be read at all, and what to do.

use std::io;

/// Why an export cannot be read, or not further. Each says what to do; none holds a value of the
/// export.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The path leads nowhere.
    #[error("{export}: there is no such file; check the path")]
    NotFound {
        /// The export, by its path or `stdin`.
        export: String,
    },
    /// The file's rights.
    #[error("{export}: may not be read; give the user that runs Ferry the right to read it")]
    PermissionDenied {
        /// The export.
        export: String,
    },
    /// A directory.
    #[error("{export}: is a directory; name the export file in it")]
    Directory {
        /// The export.
        export: String,
    },
    /// Some other fault when opening.
    #[error("{export}: cannot be opened ({source}); mend that, then run again")]
    Open {
        /// The export.
        export: String,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing but white space.
    #[error("{export}: is empty; check that the query or program that wrote it found sessions")]
    Empty {
        /// The export.
        export: String,
    },
    /// A container that Ferry does not open.
    #[error(
        "{export}: is {kind}; unpack it first, and give Ferry CSV or NDJSON, plain or as .gz or .zst"
    )]
    Packed {
        /// The export.
        export: String,
        /// What its first bytes say it is.
        kind: &'static str,
    },
    /// UTF-16.
    #[error(
        "{export}: is UTF-16; convert it to UTF-8 first (iconv -f UTF-16 -t UTF-8, or \"CSV UTF-8\" in Excel)"
    )]
    Utf16 {
        /// The export.
        export: String,
    },
    /// JSON, but not an object on each line.
    #[error(
        "{export}: is JSON, but not one object per line; convert it first (jq -c '.[]' for an array, jq -c . for indented objects)"
    )]
    NotJsonLines {
        /// The export.
        export: String,
    },
    /// The first record cannot be a header.
    #[error("{export}: the header (line {line}) {fault}; give it plain column names in UTF-8")]
    Header {
        /// The export.
        export: String,
        /// Where the header begins.
        line: u64,
        /// What is wrong.
        fault: &'static str,
    },
    /// The first line holds values, which are therefore not shown.
    #[error(
        "{export}: no column \"{column}\" (export.columns.{setting}), and the first line looks like values ({fields} of them), not like a header; put the column names into the first line, or, if they are names, map export.columns.{setting} to the right one"
    )]
    NoHeader {
        /// The export.
        export: String,
        /// The setting under `columns`.
        setting: String,
        /// The column looked for.
        column: String,
        /// How many fields the first line has.
        fields: usize,
    },
    /// A needed column is not there.
    #[error("{0}")]
    MissingColumn(Box<MissingColumn>),
    /// A needed column is there twice.
    #[error("{export}: the column \"{column}\" is there twice; rename or drop one of them")]
    DuplicateColumn {
        /// The export.
        export: String,
        /// The column.
        column: String,
    },
    /// A custom claim with a name that is taken.
    #[error(
        "export.columns.custom_claims: \"{claim}\" is reserved by JWT, Stytch or Ferry; choose another name"
    )]
    ReservedClaim {
        /// The claim.
        claim: String,
    },
    /// No column says when a session ends, and no policy does.
    #[error(
        "{export}: no column says when a session ends; {}",
        super::row::NO_END_REMEDY
    )]
    NoSessionEnd {
        /// The export.
        export: String,
    },
    /// The compressed stream ends early.
    #[error(
        "{export}: the compressed file is cut short after record {after}; copy or export it again, whole"
    )]
    Cut {
        /// The export.
        export: String,
        /// The last whole record.
        after: u64,
    },
    /// The compressed stream is damaged.
    #[error(
        "{export}: the compressed file is damaged after record {after}; copy or export it again (gzip -t and zstd -t test it)"
    )]
    Corrupt {
        /// The export.
        export: String,
        /// The last whole record.
        after: u64,
    },
    /// It unpacks to far more than an export would.
    #[error(
        "{export}: unpacks to more than 200 times its size, which no export does (stopped after record {after}); if it is one, unpack it yourself and give Ferry the plain file"
    )]
    Bomb {
        /// The export.
        export: String,
        /// The last whole record.
        after: u64,
    },
    /// Unpacking needs too much memory.
    #[error(
        "{export}: unpacking needs a window above 64 MiB; compress it again without --long and --ultra"
    )]
    Window {
        /// The export.
        export: String,
    },
    /// The system failed to read.
    #[error(
        "{export}: reading failed after record {after} ({source}); check the disk or the pipe, then run again"
    )]
    Read {
        /// The export.
        export: String,
        /// The last whole record.
        after: u64,
        /// What the system said.
        source: io::Error,
    },
    /// A quote swallows the following lines.
    #[error(
        "{export}: the record that begins on line {line} opens a quote ({column}) that is not closed, and swallows the lines that follow; close or double the quote, then run again"
    )]
    OpenQuote {
        /// The export.
        export: String,
        /// Where the record begins.
        line: u64,
        /// In which column.
        column: String,
    },
    /// The file was written to meanwhile.
    #[error(
        "{export}: had {was} bytes when it was opened, but {read} were read; let whatever writes it finish, then run again"
    )]
    Changed {
        /// The export.
        export: String,
        /// Its size at first.
        was: u64,
        /// What was read.
        read: u64,
    },
    /// A resumed export ends before the place to resume from.
    #[error(
        "{export}: has {found} records, but {wanted} were already registered; give the whole export, or name a new run"
    )]
    TooShort {
        /// The export.
        export: String,
        /// How many there are.
        found: u64,
        /// How many were to be passed over.
        wanted: u64,
    },
    /// A stream begins like the one that the run was registered from, and is longer.
    #[error(
        "{export}: goes on after the {registered} records that this run was registered with; give it a run of its own with --run"
    )]
    TooLong {
        /// The export.
        export: String,
        /// How many there were.
        registered: u64,
    },
    /// Used after an error.
    #[error("{export}: had failed before; open it again")]
    Failed {
        /// The export.
        export: String,
    },
}

/// A column that is needed and not there.
#[derive(Debug, thiserror::Error)]
#[error(
    "{export}: no column \"{column}\" (export.columns.{setting}); the columns are: {found}.{nearest} {remedy}"
)]
pub struct MissingColumn {
    /// The export.
    pub export: String,
    /// The setting under `columns`.
    pub setting: String,
    /// The column looked for.
    pub column: String,
    /// The columns found.
    pub found: String,
    /// ` Did you mean "…"?`, or nothing.
    pub nearest: String,
    /// What to do.
    pub remedy: &'static str,
}
