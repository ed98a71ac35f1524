//! Every form of an export gives the same rows.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use ferry_core::session::ExportRow;
use ferry_producer::source::{Columns, Delimiter, Export, Format, Rules, SourceOptions};

use crate::support::*;

const NDJSON: &str = concat!(
    r#"{"access_token":"token-alice","organization":"acme","session_id":"session-alice","email":"alice@acme.example","session_expires_at":"2026-02-01T00:00:00Z"}"#,
    "\n",
    r#"{"organization":"acme","access_token":"token-bob","email":"bob@acme.example","session_id":"session-bob","session_expires_at":1769904000}"#,
    "\n",
);

fn open(path: &Path) -> Export {
    let (options, columns) = (SourceOptions::default(), Columns::default());
    Export::open(path, &options, &columns, &Rules::default(), NOW).expect("it can be opened")
}

#[test]
fn csv_and_ndjson_plain_and_compressed_give_the_same_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let csv = csv(&[ALICE, BOB]);
    let expected = flat_all(&Sample::default().rows(&csv));
    assert_eq!(expected.len(), 2);
    for (name, bytes) in [
        ("a.csv", csv.as_bytes().to_vec()),
        ("a.csv.gz", gzip(csv.as_bytes())),
        ("a.csv.zst", zstd(csv.as_bytes())),
        ("a.ndjson", NDJSON.as_bytes().to_vec()),
        ("a.jsonl.gz", gzip(NDJSON.as_bytes())),
        ("no-extension", zstd(NDJSON.as_bytes())),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, &bytes).expect("written");
        let mut export = open(&path);
        let rows = all(&mut export).expect("it can be read");
        assert_eq!(flat_all(&rows), expected, "{name}");
        assert_eq!(export.progress().bytes_read(), bytes.len() as u64, "{name}");
        assert_eq!(export.progress().bytes_total(), Some(bytes.len() as u64));
    }
}

#[test]
fn standard_input_is_read_and_its_form_detected() {
    if std::env::var_os("FERRY_TEST_READS_STDIN").is_some() {
        let mut export = open(Path::new("-"));
        let rows = all(&mut export).expect("it can be read").len();
        eprintln!("{rows} rows from {}", export.identity().name);
        return;
    }
    let itself = std::env::current_exe().expect("a test has a file");
    let mut child = Command::new(itself)
        .args([
            "--exact",
            "formats::standard_input_is_read_and_its_form_detected",
            "--nocapture",
        ])
        .env("FERRY_TEST_READS_STDIN", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(&gzip(NDJSON.as_bytes())).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("2 rows from stdin"), "{said}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_pipe_is_read_by_its_path() {
    use std::os::fd::AsRawFd as _;
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writer.write_all(csv(&[ALICE]).as_bytes()).expect("written");
    drop(writer);
    let path = format!("/dev/fd/{}", reader.as_raw_fd());
    let mut export = open(Path::new(&path));
    assert_eq!(all(&mut export).expect("it can be read").len(), 1);
    assert_eq!(export.identity().size, None);
}

#[test]
fn byte_order_mark_line_ends_and_blank_lines_make_no_difference() {
    let plain = csv(&[ALICE, BOB]);
    let expected = flat_all(&Sample::default().rows(&plain));
    for text in [
        format!("\u{feff}{plain}"),
        plain.replace('\n', "\r\n"),
        plain.replace('\n', "\r"),
        plain.trim_end().to_owned(),
        format!("\n \r\n{plain}\n  \n\n"),
        plain.replace('\n', "\n\n"),
        plain.replace(',', ";"),
        plain.replace(',', "\t"),
        plain.replace("acme,", "\"acme\","),
        plain
            .replace(",acme,", ", acme ,")
            .replace("session_id", " session_id "),
    ] {
        assert_eq!(
            flat_all(&Sample::default().rows(&text)),
            expected,
            "{text:?}"
        );
    }
}

#[test]
fn a_delimiter_or_a_format_can_be_named() {
    let mut sample = Sample::default();
    sample.options.delimiter = Some(Delimiter::Pipe);
    assert_eq!(sample.rows(csv(&[ALICE]).replace(',', "|")).len(), 1);
    sample.options = SourceOptions {
        format: Some(Format::Ndjson),
        delimiter: None,
    };
    let rows = sample.rows(format!("not json\n{NDJSON}"));
    assert!(
        matches!(rows[..], [ExportRow::Rejected(_), ExportRow::Session(_), _]),
        "{rows:?}"
    );
}

#[test]
fn compressed_files_that_were_joined_are_read_to_the_end() {
    let (first, second) = (csv(&[ALICE]), format!("{BOB}\n"));
    for compress in [gzip, zstd] {
        let joined = [compress(first.as_bytes()), compress(second.as_bytes())].concat();
        assert_eq!(Sample::default().rows(joined).len(), 2);
    }
}

#[test]
fn an_export_with_only_a_header_has_no_rows_and_says_so() {
    for text in [HEADER.to_owned(), format!("{HEADER}\r\n\n")] {
        let mut export = Sample::default().open(Cursor::new(text)).expect("a header");
        assert!(!export.is_header_only(), "not known yet");
        assert_eq!(all(&mut export).expect("it can be read").len(), 0);
        assert!(export.is_header_only());
    }
    let mut export = Sample::default()
        .open(Cursor::new(csv(&[ALICE])))
        .expect("a header");
    all(&mut export).expect("it can be read");
    assert!(!export.is_header_only());
}

#[test]
fn the_same_file_by_another_path_is_the_same_export() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("live.csv");
    fs::write(&path, csv(&[ALICE])).expect("written");
    let detour = folder.path().join(".").join("live.csv");
    let (straight, roundabout) = (open(&path), open(&detour));
    assert_eq!(straight.identity(), roundabout.identity());
    assert_eq!(
        straight.identity().run_name(),
        roundabout.identity().run_name()
    );
    assert!(straight.identity().run_name().starts_with("live-"));

    fs::write(&path, csv(&[BOB])).expect("written");
    let changed = open(&path);
    assert_eq!(changed.identity().name, straight.identity().name);
    assert_ne!(
        changed.identity().run_name(),
        straight.identity().run_name()
    );
}

#[test]
fn a_batch_ends_at_the_number_asked_for_or_when_it_is_heavy() {
    let lines: Vec<String> = (0..2000)
        .map(|row| {
            format!(
                "{}{row},acme,s{row},a@b,2026-02-01T00:00:00Z",
                "t".repeat(16_000)
            )
        })
        .collect();
    let text = format!("{HEADER}\n{}\n", lines.join("\n"));
    let mut export = Sample::default().open(Cursor::new(text)).expect("a header");
    let mut rows = Vec::new();
    assert_eq!(export.next_batch(3, &mut rows).expect("readable"), 3);
    let heavy = export.next_batch(100_000, &mut rows).expect("readable");
    assert!((1000..1100).contains(&heavy), "about 16 MiB: {heavy}");
    assert_eq!(all(&mut export).expect("readable").len(), 2000 - 3 - heavy);
}

#[test]
fn an_export_can_be_sent_to_a_blocking_thread() {
    fn is_send<T: Send>(_: &T) {}
    is_send(
        &Sample::default()
            .open(Cursor::new(csv(&[ALICE])))
            .expect("a header"),
    );
}
