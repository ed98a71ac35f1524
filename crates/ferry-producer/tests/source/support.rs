//! Exports in memory, and their rows in a form that can be compared.

use std::fmt::Write as _;
use std::io::{self, Cursor, Read, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ferry_core::Timestamp;
use ferry_core::session::{ExportRow, LegacySession, Reject};
use ferry_producer::source::{Columns, Export, Reading, Rules, SourceError, SourceOptions};
use secrecy::ExposeSecret as _;

/// 2026-01-01T12:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_767_268_800);

pub(crate) const HEADER: &str = "access_token,organization,session_id,email,session_expires_at";
pub(crate) const ALICE: &str =
    "token-alice,acme,session-alice,alice@acme.example,2026-02-01T00:00:00Z";
pub(crate) const BOB: &str = "token-bob,acme,session-bob,bob@acme.example,2026-02-01T00:00:00Z";

/// An export in memory, and how it is read.
#[derive(Default)]
pub(crate) struct Sample {
    pub(crate) options: SourceOptions,
    pub(crate) columns: Columns,
    pub(crate) rules: Rules,
}

impl Sample {
    pub(crate) fn open(&self, reader: impl Read + Send + 'static) -> Result<Export, SourceError> {
        let reading = Reading {
            options: &self.options,
            columns: &self.columns,
            rules: &self.rules,
            now: NOW,
        };
        Export::from_reader("sample", reader, &reading)
    }

    pub(crate) fn rows(&self, bytes: impl AsRef<[u8]>) -> Vec<ExportRow> {
        let export = self.open(Cursor::new(bytes.as_ref().to_vec()));
        all(&mut export.expect("it can be opened")).expect("it can be read")
    }

    pub(crate) fn fault(&self, bytes: impl AsRef<[u8]>) -> SourceError {
        let export = self.open(Cursor::new(bytes.as_ref().to_vec()));
        match export.and_then(|mut export| all(&mut export)) {
            Ok(rows) => panic!("expected a fault, read {} rows", rows.len()),
            Err(fault) => fault,
        }
    }
}

pub(crate) fn all(export: &mut Export) -> Result<Vec<ExportRow>, SourceError> {
    let mut rows = Vec::new();
    while export.next_batch(7, &mut rows)? > 0 {}
    Ok(rows)
}

pub(crate) fn csv(rows: &[&str]) -> String {
    rows.iter().fold(format!("{HEADER}\n"), |mut text, row| {
        writeln!(text, "{row}").expect("in memory");
        text
    })
}

pub(crate) fn session(row: &ExportRow) -> &LegacySession {
    match row {
        ExportRow::Session(session) | ExportRow::Skipped(session, _) => session,
        ExportRow::Rejected(reject) => panic!("rejected: {reject:?}"),
    }
}

pub(crate) fn reject(row: &ExportRow) -> &Reject {
    match row {
        ExportRow::Rejected(reject) => reject,
        other => panic!("not rejected: {other:?}"),
    }
}

/// All that a row holds, secrets too.
pub(crate) fn flat(row: &ExportRow) -> String {
    match row {
        ExportRow::Session(session) | ExportRow::Skipped(session, _) => format!(
            "{row:?} {} {}",
            session.access_token.expose_secret(),
            session.stable_id.expose_secret()
        ),
        ExportRow::Rejected(_) => format!("{row:?}"),
    }
}

pub(crate) fn flat_all(rows: &[ExportRow]) -> Vec<String> {
    rows.iter().map(flat).collect()
}

/// A JWT with `claims`, and no signature worth the name.
pub(crate) fn jwt(claims: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!(
        "{}.{}.{}",
        part(r#"{"alg":"RS256"}"#),
        part(claims),
        part("signature")
    )
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("in memory")
}

/// Gives a few bytes at a time: 1, 2, … up to `most`, and again.
pub(crate) struct Dribble {
    bytes: Cursor<Vec<u8>>,
    most: usize,
    next: usize,
}

impl Dribble {
    pub(crate) fn new(bytes: Vec<u8>, most: usize) -> Self {
        Self {
            bytes: Cursor::new(bytes),
            most,
            next: 0,
        }
    }
}

impl Read for Dribble {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.next = self.next % self.most + 1;
        let bytes = self.next.min(buffer.len());
        self.bytes.read(&mut buffer[..bytes])
    }
}
