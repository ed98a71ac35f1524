//! What stops the reading: each fault names the place and the remedy.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Cursor, Read};
use std::path::Path;

use ferry_core::session::ExportRow;
use ferry_producer::source::{Columns, Export, Format, Rules, SourceError, SourceOptions};

use crate::support::*;

fn open(path: &Path) -> Result<Export, SourceError> {
    let (options, columns) = (SourceOptions::default(), Columns::default());
    Export::open(path, &options, &columns, &Rules::default(), NOW)
}

fn many_rows(rows: u64) -> String {
    (0..rows).fold(format!("{HEADER}\n"), |mut text, row| {
        // Scattered, so that it does not pack well.
        let token = row.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        writeln!(text, "{token:x},acme,{row},e{row}@b,2026-02-01T00:00:00Z").expect("in memory");
        text
    })
}

/// Reads until the fault; the rows before it must have come through.
fn rows_before_fault(bytes: Vec<u8>) -> (Vec<ExportRow>, SourceError) {
    let mut export = Sample::default()
        .open(Cursor::new(bytes))
        .expect("the beginning is whole");
    let mut rows = Vec::new();
    loop {
        match export.next_batch(1000, &mut rows) {
            Ok(0) => panic!("expected a fault"),
            Ok(_) => {}
            Err(fault) => {
                assert_eq!(rows.len() as u64, export.records_read());
                let again = export.next_batch(1, &mut rows).expect_err("still failed");
                assert!(matches!(again, SourceError::Failed { .. }), "{again}");
                return (rows, fault);
            }
        }
    }
}

#[test]
fn a_path_that_leads_to_no_file_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = open(&folder.path().join("none.csv")).expect_err("missing");
    assert!(
        missing
            .to_string()
            .ends_with("none.csv: there is no such file; check the path")
    );
    let directory = open(folder.path()).expect_err("a directory");
    assert!(
        matches!(directory, SourceError::Directory { .. }),
        "{directory}"
    );
}

#[test]
fn nothing_but_white_space_is_empty() {
    let mut texts = vec![
        String::new(),
        "\n \r\n\t\n".to_owned(),
        "\u{feff}".to_owned(),
    ];
    texts.push("\n".repeat(1_000_000));
    for text in texts {
        for bytes in [text.as_bytes().to_vec(), gzip(text.as_bytes())] {
            let fault = Sample::default().fault(bytes);
            assert!(matches!(fault, SourceError::Empty { .. }), "{fault}");
        }
    }
}

#[test]
fn what_ferry_does_not_unpack_is_named() {
    let inside = csv(&[ALICE]);
    let mut tar = vec![b'a'; 600];
    tar[257..262].copy_from_slice(b"ustar");
    for (bytes, kind) in [
        (b"PK\x03\x04\x14\0\0\0".to_vec(), "zip"),
        (b"BZh91AY&SY\0".to_vec(), "bzip2"),
        (b"\xfd7zXZ\0\0".to_vec(), "xz"),
        (gzip(&gzip(inside.as_bytes())), "compressed twice"),
        (gzip(&tar), "tar"),
    ] {
        let fault = Sample::default().fault(bytes).to_string();
        assert!(
            fault.contains(kind) && fault.contains("unpack it first"),
            "{fault}"
        );
    }
}

#[test]
fn utf_16_is_told() {
    for bytes in [
        b"\xff\xfea\0b\0".to_vec(),
        b"\xfe\xff\0a\0b".to_vec(),
        gzip(b"\xff\xfea\0"),
    ] {
        let fault = Sample::default().fault(bytes).to_string();
        assert!(fault.contains("convert it to UTF-8"), "{fault}");
    }
    let without_mark: Vec<u8> = csv(&[ALICE]).bytes().flat_map(|byte| [byte, 0]).collect();
    let fault = Sample::default().fault(without_mark).to_string();
    assert!(
        fault.contains("the header (line 1) holds a NUL byte"),
        "{fault}"
    );
    let fault = Sample::default()
        .fault(b"access_token,n\xe4me\n")
        .to_string();
    assert!(
        fault.contains("the header (line 1) is not UTF-8"),
        "{fault}"
    );
}

#[test]
fn json_in_another_form_is_told() {
    for text in [
        "[{\"access_token\":\"t\"}]",
        "[\n  {\n",
        "{\n  \"access_token\": \"t\"\n}\n",
    ] {
        let fault = Sample::default().fault(text).to_string();
        assert!(
            fault.contains("not one object per line") && fault.contains("jq -c"),
            "{fault}"
        );
    }
}

#[test]
fn ndjson_read_as_csv_does_not_show_its_first_line() {
    let mut sample = Sample::default();
    sample.options.format = Some(Format::Csv);
    let fault = sample.fault("{\"access_token\":\"secret\"}\n").to_string();
    assert!(
        fault.contains("put the column names into the first line"),
        "{fault}"
    );
    assert!(!fault.contains("secret"), "{fault}");
}

#[test]
fn a_compressed_file_that_is_cut_gives_what_is_whole_and_then_says_so() {
    let text = many_rows(20_000);
    for mut bytes in [gzip(text.as_bytes()), zstd(text.as_bytes())] {
        bytes.truncate(bytes.len() - 20);
        let (before, fault) = rows_before_fault(bytes);
        let SourceError::Cut { after, .. } = fault else {
            panic!("{fault}")
        };
        assert_eq!(after, before.len() as u64);
        assert!(
            before
                .iter()
                .all(|row| matches!(row, ExportRow::Session(_)))
        );
        assert!((5000..20_000).contains(&after), "{after}");
    }
    // Down to the last bytes of the check sum.
    let whole = gzip(csv(&[ALICE]).as_bytes());
    for cut in 3..whole.len() {
        let fault = Sample::default().fault(&whole[..cut]);
        assert!(
            matches!(fault, SourceError::Cut { .. }),
            "{cut} of {}: {fault}",
            whole.len()
        );
    }
}

#[test]
fn a_damaged_compressed_file_is_told() {
    let text = many_rows(20_000);
    let mut flipped = gzip(text.as_bytes());
    let middle = flipped.len() / 2;
    flipped[middle..middle + 64].fill(0xff);
    let followed = [zstd(text.as_bytes()), b"garbage".to_vec()].concat();
    for bytes in [flipped, followed] {
        let (before, fault) = rows_before_fault(bytes);
        assert!(
            matches!(fault, SourceError::Corrupt { after, .. } if after == before.len() as u64),
            "{fault}"
        );
    }
}

#[test]
fn a_bomb_is_stopped() {
    let member = gzip(&vec![b'x'; 1024 * 1024]);
    let gzip_bomb = [gzip(csv(&[ALICE]).as_bytes()), member.repeat(80)].concat();
    let zeros = vec![b'0'; 100 * 1024 * 1024];
    let zstd_bomb = [zstd(csv(&[ALICE]).as_bytes()), zstd(&zeros)].concat();
    for bytes in [gzip_bomb, zstd_bomb] {
        let (_, fault) = rows_before_fault(bytes);
        assert!(
            matches!(fault, SourceError::Bomb { after: 1, .. }),
            "{fault}"
        );
    }
}

#[test]
fn a_window_that_needs_too_much_memory_is_refused() {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).expect("an encoder");
    encoder.window_log(27).expect("a window");
    io::Write::write_all(&mut encoder, csv(&[ALICE]).as_bytes()).expect("in memory");
    let fault = Sample::default().fault(encoder.finish().expect("in memory"));
    assert!(matches!(fault, SourceError::Window { .. }), "{fault}");
}

#[test]
fn a_quote_that_swallows_lines_stops_the_reading() {
    let open_quote = "t,\"acme,s,e,1769904000\n";
    let header_lines = 3;
    let short = format!("\n\n{}{open_quote}{BOB}\n", csv(&[]));
    let long = format!(
        "\n\n{}{open_quote}{}",
        csv(&[]),
        format!("{BOB}\n").repeat(30_000)
    );
    for text in [
        short.replace('\n', "\r\n"),
        short,
        long.replace('\n', "\r"),
        long,
    ] {
        let fault = Sample::default().fault(&text);
        let SourceError::OpenQuote { line, column, .. } = &fault else {
            panic!("{fault}")
        };
        assert_eq!(
            (*line, column.as_str()),
            (header_lines + 1, "column \"organization\"")
        );
    }
}

#[test]
fn a_fault_of_the_disk_is_told_with_its_place() {
    struct Failing(Cursor<Vec<u8>>);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::other("Input/output error")),
                bytes => Ok(bytes),
            }
        }
    }
    let text = many_rows(20_000);
    for bytes in [text.as_bytes().to_vec(), gzip(text.as_bytes())] {
        let opened = Sample::default().open(Failing(Cursor::new(bytes)));
        let fault = all(&mut opened.expect("the beginning is whole")).expect_err("a fault");
        let SourceError::Read { after, .. } = &fault else {
            panic!("{fault}")
        };
        assert!(*after > 5000, "{after}");
        assert!(fault.to_string().contains("Input/output error"), "{fault}");
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("growing.csv");
    fs::write(&path, many_rows(20_000)).expect("written");
    let mut export = open(&path).expect("a header");
    let more = fs::OpenOptions::new().append(true).open(&path);
    io::Write::write_all(&mut more.expect("it is there"), b"t,acme,s,e,1").expect("written");
    let fault = all(&mut export).expect_err("it changed");
    assert!(matches!(fault, SourceError::Changed { .. }), "{fault}");
}

#[test]
fn to_resume_beyond_the_end_is_a_fault() {
    let mut export = Sample::default()
        .open(Cursor::new(csv(&[ALICE, BOB])))
        .expect("a header");
    let fault = export.skip(3).expect_err("there are two");
    assert!(
        matches!(
            fault,
            SourceError::TooShort {
                found: 2,
                wanted: 3,
                ..
            }
        ),
        "{fault}"
    );
}

#[test]
fn without_a_session_end_nothing_is_read() {
    let fault = Sample::default().fault("access_token,organization,session_id\nt,acme,s\n");
    assert!(matches!(fault, SourceError::NoSessionEnd { .. }));
    assert!(
        fault.to_string().contains("map session_expires_at"),
        "{fault}"
    );
}
