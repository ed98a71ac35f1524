//! A giant record needs no giant memory. Alone in its process, so that the peak is its own.

#![cfg(target_os = "linux")]

use std::io::{self, Read};

use ferry_core::Timestamp;
use ferry_core::session::ExportRow;
use ferry_producer::source::{Columns, Export, Reading, Rules, SourceOptions};

const GIANT_BYTES: u64 = 1024 * 1024 * 1024;
const MOST_KIB: u64 = 32 * 1024;

fn read(before: &'static str, after: &'static str) -> Vec<ExportRow> {
    let giant = before
        .as_bytes()
        .chain(io::repeat(b'x').take(GIANT_BYTES))
        .chain(after.as_bytes());
    let reading = Reading {
        options: &SourceOptions::default(),
        columns: &Columns::default(),
        rules: &Rules::default(),
        now: Timestamp::from_seconds(1_767_268_800),
    };
    let mut export = Export::from_reader("giant", giant, &reading).expect("it can be opened");
    let mut rows = Vec::new();
    while export.next_batch(10, &mut rows).expect("it can be read") > 0 {}
    rows
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .expect("a peak");
    line.split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse().ok())
        .expect("a number")
}

#[test]
fn a_line_of_1_gb_is_one_reject_and_memory_stays_flat() {
    let csv = read(
        "access_token,organization,session_id,session_expires_at\nt,o,s,1769904000\n",
        "\nt,o,s,1769904000\n",
    );
    let ndjson = read(
        "{\"access_token\":\"t\",\"organization\":\"o\",\"session_id\":\"s\",\"session_expires_at\":1769904000}\n",
        "\n{\"access_token\":\"t\",\"organization\":\"o\",\"session_id\":\"s\",\"session_expires_at\":1769904000}\n",
    );
    for rows in [csv, ndjson] {
        let [
            ExportRow::Session(_),
            ExportRow::Rejected(_),
            ExportRow::Session(_),
        ] = &rows[..]
        else {
            panic!("{rows:?}")
        };
    }
    let peak = peak_kib();
    assert!(peak < MOST_KIB, "{peak} KiB");
}
