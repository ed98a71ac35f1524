//! What holds for any export.

use std::collections::BTreeMap;
use std::io::Cursor;

use csv::{QuoteStyle, Terminator, WriterBuilder};
use ferry_core::session::ExportRow;
use ferry_producer::source::{Delimiter, Format, SourceError};
use proptest::collection::vec;
use proptest::prelude::*;
use secrecy::ExposeSecret as _;

use crate::support::*;

const COLUMNS: [&str; 6] = [
    "access_token",
    "organization",
    "session_id",
    "email",
    "session_expires_at",
    "note",
];

/// Text that is a value: not blank, no NUL, and not a database's word for nothing.
fn text() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        "[a-zA-Z0-9@. _-]{1,20}",
        r#"[\PC,;|"'\r\n\t\\]{1,20}"#,
        any::<String>(),
    ];
    text.prop_filter("a value", |text| {
        !matches!(text.trim(), "" | "NULL" | r"\N") && !text.contains('\0')
    })
}

fn row() -> impl Strategy<Value = [String; 6]> {
    let end = prop_oneof![Just("1769904000"), Just("2026-02-01T00:00:00Z")];
    ("[!-~]{1,60}", text(), text(), text(), end, text())
        .prop_filter("a token", |row| !matches!(row.0.as_str(), "NULL" | r"\N"))
        .prop_map(|(token, organization, id, email, end, note)| {
            [token, organization, id, email, end.to_owned(), note]
        })
}

fn sample_with_claim() -> Sample {
    let mut sample = Sample::default();
    sample.columns.custom_claims = BTreeMap::from([("note".to_owned(), "note".to_owned())]);
    sample
}

fn written(rows: &[[String; 6]], delimiter: u8, terminator: Terminator, always: bool) -> Vec<u8> {
    let quotes = if always {
        QuoteStyle::Always
    } else {
        QuoteStyle::Necessary
    };
    let mut writer = WriterBuilder::new()
        .delimiter(delimiter)
        .terminator(terminator)
        .quote_style(quotes)
        .from_writer(Vec::new());
    writer.write_record(COLUMNS).expect("in memory");
    for row in rows {
        writer.write_record(row).expect("in memory");
    }
    writer.into_inner().expect("in memory")
}

fn ndjson(rows: &[[String; 6]]) -> String {
    let object = |row: &[String; 6]| {
        let object: serde_json::Map<_, _> = COLUMNS
            .iter()
            .zip(row)
            .map(|(column, value)| ((*column).to_owned(), value.as_str().into()))
            .collect();
        format!("{}\n", serde_json::Value::Object(object))
    };
    rows.iter().map(object).collect()
}

/// Bytes in which what means something to a format is frequent.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        prop::sample::select(b",;\"\r\n\t {}[]:\\.0aeyJ\0\xff\xc3\xa9".to_vec()),
        any::<u8>(),
    ];
    vec(byte, 0..300)
}

/// More than is looked at when an export is opened, so that what follows is read in pieces.
fn padding() -> String {
    let line = format!("t,acme,s,e,1769904000,{}\n", "p".repeat(16 * 1024));
    format!("{}\n{}", COLUMNS.join(","), line.repeat(17))
}

fn rows_in_pieces(sample: &Sample, bytes: Vec<u8>, most: usize) -> Vec<String> {
    let mut export = sample
        .open(Dribble::new(bytes, most))
        .expect("it can be opened");
    outcome(all(&mut export))
}

fn outcome(rows: Result<Vec<ExportRow>, SourceError>) -> Vec<String> {
    match rows {
        Ok(rows) => flat_all(&rows),
        Err(fault) => vec![fault.to_string()],
    }
}

proptest! {
    #[test]
    fn what_the_csv_crate_writes_is_read_back(
        rows in vec(row(), 1..8),
        delimiter in prop::sample::select(vec![
            Delimiter::Comma, Delimiter::Semicolon, Delimiter::Tab, Delimiter::Pipe,
        ]),
        terminator in prop::sample::select(vec![b'\n', b'\r', 0]),
        always in any::<bool>(),
    ) {
        let mut sample = sample_with_claim();
        sample.options.delimiter = Some(delimiter);
        let byte = match delimiter {
            Delimiter::Comma => b',',
            Delimiter::Semicolon => b';',
            Delimiter::Tab => b'\t',
            Delimiter::Pipe => b'|',
        };
        let terminator = match terminator {
            0 => Terminator::CRLF,
            byte => Terminator::Any(byte),
        };
        let read = sample.rows(written(&rows, byte, terminator, always));
        prop_assert_eq!(read.len(), rows.len());
        for (read, [token, organization, id, email, _, note]) in read.iter().zip(&rows) {
            let session = session(read);
            prop_assert_eq!(session.access_token.expose_secret(), token);
            prop_assert_eq!(session.organization.as_str(), organization.trim());
            prop_assert_eq!(session.stable_id.expose_secret(), id.trim());
            prop_assert_eq!(session.facts.email.as_deref(), Some(email.trim()));
            let claims: serde_json::Value =
                serde_json::from_str(session.custom_claims.as_ref().expect("a claim"))
                    .expect("claims are JSON");
            prop_assert_eq!(claims["note"].as_str(), Some(note.as_str()));
        }
    }

    #[test]
    fn the_same_rows_in_csv_and_ndjson_are_equal_sessions(rows in vec(row(), 1..8)) {
        let sample = sample_with_claim();
        let csv = sample.rows(written(&rows, b',', Terminator::Any(b'\n'), false));
        prop_assert_eq!(flat_all(&csv), flat_all(&sample.rows(ndjson(&rows))));
    }

    #[test]
    fn any_bytes_are_read_without_panic_and_every_record_is_accounted_for(
        bytes in bytes(),
        with_header in any::<bool>(),
        format in prop::sample::select(vec![None, Some(Format::Csv), Some(Format::Ndjson)]),
    ) {
        let header = if with_header { format!("{}\n", COLUMNS.join(",")) } else { String::new() };
        let mut sample = sample_with_claim();
        sample.options.format = format;
        let bytes = [header.as_bytes(), &bytes].concat();
        let Ok(mut export) = sample.open(Cursor::new(bytes.clone())) else { return Ok(()) };
        let mut rows = Vec::new();
        while matches!(export.next_batch(3, &mut rows), Ok(1..)) {}
        prop_assert_eq!(rows.len() as u64, export.records_read());
        for (row, number) in rows.iter().zip(1..) {
            let found = match row {
                ExportRow::Rejected(reject) => reject.row,
                _ => session(row).source_row,
            };
            prop_assert_eq!(found, number);
        }
    }

    #[test]
    fn as_many_records_are_found_as_the_csv_crate_finds(bytes in bytes()) {
        let text = [format!("{}\n", COLUMNS.join(",")).as_bytes(), &bytes].concat();
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_slice());
        let is_blank = |record: &csv::ByteRecord| {
            record.len() == 1 && record[0].iter().all(u8::is_ascii_whitespace)
        };
        let cut = text.trim_ascii_end().ends_with(b"\"");
        let records = reader.byte_records().map(|record| record.expect("in memory"));
        let expected = records.filter(|record| !is_blank(record)).count();
        let mut sample = Sample::default();
        sample.options.format = Some(Format::Csv);
        sample.options.delimiter = Some(Delimiter::Comma);
        match all(&mut sample.open(Cursor::new(text)).expect("a header")) {
            // A quote alone on the last line is a record that is cut, and not a blank one.
            Ok(rows) => prop_assert!((expected..=expected + usize::from(cut)).contains(&rows.len())),
            Err(fault) => prop_assert!(matches!(fault, SourceError::OpenQuote { .. }), "{fault}"),
        }
    }

    #[test]
    fn to_skip_is_to_read_and_drop(rows in vec(row(), 1..20), bytes in bytes(), skip in 0_usize..20) {
        let sample = sample_with_claim();
        let good = written(&rows, b',', Terminator::CRLF, false);
        for text in [[good.as_slice(), &bytes].concat(), ndjson(&rows).into_bytes()] {
            let everything = all(&mut sample.open(Cursor::new(text.clone())).expect("a header"));
            let Ok(everything) = everything else { continue };
            let skip = skip.min(everything.len());
            let mut export = sample.open(Cursor::new(text)).expect("a header");
            export.skip(skip as u64).expect("so many are there");
            let rest = all(&mut export).expect("it was readable");
            prop_assert_eq!(flat_all(&rest), flat_all(&everything[skip..]));
        }
    }
}

proptest! {
    // Each case reads a quarter of a MiB in small pieces.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_pieces_in_which_bytes_arrive_do_not_matter(
        rows in vec(row(), 1..4),
        bytes in bytes(),
        most in 1_usize..9,
    ) {
        let sample = sample_with_claim();
        let rows_csv = written(&rows, b',', Terminator::CRLF, false);
        let text = [padding().as_bytes(), &rows_csv, &bytes].concat();
        let whole = outcome(all(&mut sample.open(Cursor::new(text.clone())).expect("a header")));
        prop_assert_eq!(rows_in_pieces(&sample, text, most), whole);

        let padding = ndjson(&vec![rows[0].clone(); 2000]);
        let text = [padding.as_bytes(), ndjson(&rows).as_bytes(), &bytes].concat();
        let whole = outcome(all(&mut sample.open(Cursor::new(text.clone())).expect("keys")));
        prop_assert_eq!(rows_in_pieces(&sample, text, most), whole);
    }
}
