//! Records that are no sessions: counted, told, passed over.

use std::fmt::Write as _;

use ferry_core::session::ExportRow;

use crate::support::*;

/// Reads `bad` between two good records; both must come through, and `bad` must be one reject.
fn rejected(bad: &[u8]) -> (Option<String>, String) {
    let text = [csv(&[ALICE]).as_bytes(), bad, b"\n", BOB.as_bytes()].concat();
    let rows = Sample::default().rows(text);
    let [
        ExportRow::Session(_),
        ExportRow::Rejected(reject),
        ExportRow::Session(bob),
    ] = &rows[..]
    else {
        panic!("{}: {rows:?}", bad.escape_ascii())
    };
    assert_eq!((reject.row, reject.line, bob.source_row), (2, 3, 3));
    (reject.column.clone(), reject.reason.clone())
}

#[test]
fn a_bad_row_is_rejected_with_its_column_and_reason() {
    let long = "t".repeat(16 * 1024 + 1);
    let long_token = format!("{long},acme,s,e,1769904000");
    let long_email = format!("t,acme,s,{},1769904000", "e".repeat(4097));
    let table: &[(&[u8], Option<&str>, &str)] = &[
        (
            b",acme,s,e,1769904000",
            Some("access_token"),
            "is missing or empty",
        ),
        (
            b"  ,acme,s,e,1769904000",
            Some("access_token"),
            "is missing or empty",
        ),
        (
            b"NULL,acme,s,e,1769904000",
            Some("access_token"),
            "is missing or empty",
        ),
        (
            b"t,,s,e,1769904000",
            Some("organization"),
            "is missing or empty",
        ),
        (
            b"t,acme,\\N,e,1769904000",
            Some("session_id"),
            "is missing or empty",
        ),
        (
            b"t t,acme,s,e,1769904000",
            Some("access_token"),
            "holds a space",
        ),
        (
            b"t\x1b[0m,acme,s,e,1769904000",
            Some("access_token"),
            "holds a space or a character",
        ),
        (
            "tökén,acme,s,e,1769904000".as_bytes(),
            Some("access_token"),
            "holds a space or a char",
        ),
        (
            b"Bearer t,acme,s,e,1769904000",
            Some("access_token"),
            "give the token alone",
        ),
        (
            long_token.as_bytes(),
            Some("access_token"),
            "longer than 16 KiB",
        ),
        (
            long_email.as_bytes(),
            Some("email"),
            "longer than 4096 bytes",
        ),
        (b"t,acme,s", None, "has 3 fields, the header has 5"),
        (
            b"t,acme,s,e,1769904000,x",
            None,
            "has 6 fields, the header has 5",
        ),
        (
            b"t,ac\xffme,s,e,1769904000",
            Some("organization"),
            "is not UTF-8",
        ),
        (
            b"t,acme,s,e\0,1769904000",
            Some("email"),
            "holds a NUL byte",
        ),
        (
            b"t,acme,s,e,2026-02-31",
            Some("session_expires_at"),
            "(\"2026-02-31\")",
        ),
        (
            b"t,acme,s,e,tomorrow",
            Some("session_expires_at"),
            "(a value of 8 characters)",
        ),
    ];
    for (bad, column, reason) in table {
        let (found_column, found_reason) = rejected(bad);
        assert_eq!(found_column.as_deref(), *column, "{}", bad.escape_ascii());
        assert!(found_reason.contains(reason), "{found_reason}");
    }
}

#[test]
fn a_character_cut_in_two_by_a_delimiter_is_not_utf_8() {
    let (column, reason) = rejected(b"t,acme\xc3,\xa9s,e,1769904000");
    assert_eq!(column.as_deref(), Some("organization"));
    assert!(reason.contains("is not UTF-8"), "{reason}");
}

#[test]
fn what_is_wrong_in_a_column_that_is_not_read_does_not_matter() {
    let text = b"access_token,organization,session_id,session_expires_at,note\n\
                 t,acme,s,1769904000,\xff\0\x1b\n";
    assert!(matches!(
        Sample::default().rows(text)[0],
        ExportRow::Session(_)
    ));
}

#[test]
fn a_duration_that_is_none_is_rejected() {
    let text = "access_token,organization,session_id,last_active_at,idle_timeout\n\
                t,acme,s1,1767268800,1 month\nt,acme,s2,1767268800,0\nt,acme,s3,1767268800,60\n";
    let rows = Sample::default().rows(text);
    for row in &rows[..2] {
        assert_eq!(reject(row).column.as_deref(), Some("idle_timeout"));
        assert!(reject(row).reason.contains("is not a duration"), "{row:?}");
    }
    assert!(matches!(rows[2], ExportRow::Session(_)));
}

#[test]
fn hostile_text_is_carried_as_it_is() {
    let email = "=cmd|'/c calc'!A1 \u{1b}[31m";
    let rows = Sample::default().rows(csv(&[&format!("t,acme,s,{email},1769904000")]));
    assert_eq!(session(&rows[0]).facts.email.as_deref(), Some(email));
}

#[test]
fn a_record_above_1_mib_is_one_reject() {
    let giant = "x".repeat(3 * 1024 * 1024);
    for bad in [
        giant.clone(),
        format!("\"{giant}\",acme,s,e,1769904000"),
        ",".repeat(3 * 1024 * 1024),
        "\"\"".repeat(1024 * 1024),
    ] {
        let (column, reason) = rejected(bad.as_bytes());
        assert_eq!(column, None);
        assert!(reason.contains("longer than 1 MiB"), "{reason}");
    }
}

#[test]
fn a_missing_quote_that_a_later_one_closes_costs_the_lines_between() {
    let rows = Sample::default().rows(csv(&[
        ALICE,
        "t,\"acme,s,e,1",
        "t,acme,s,e,1",
        "t\",a",
        BOB,
    ]));
    assert_eq!(rows.len(), 3);
    let reject = reject(&rows[1]);
    assert!(
        reject
            .reason
            .contains("runs over lines 3 to 5: a quote may be missing"),
        "{reject:?}"
    );
    assert_eq!(session(&rows[2]).source_row, 3);
}

#[test]
fn a_quote_cut_off_at_the_very_end_is_one_reject() {
    for end in ["", "\n", "\r\n"] {
        let rows = Sample::default().rows(format!("{}t,acme,\"s{end}", csv(&[ALICE])));
        assert_eq!(rows.len(), 2);
        assert!(
            reject(&rows[1]).reason.contains("opens a quote"),
            "{rows:?}"
        );
    }
}

#[test]
fn bad_ndjson_is_rejected_line_by_line() {
    let good = |id: &str| {
        format!(
            r#"{{"access_token":"t","organization":"o","session_id":"{id}","session_expires_at":1769904000}}"#
        )
    };
    let giant = format!(r#"{{"access_token":"{}"}}"#, "x".repeat(2 * 1024 * 1024));
    let table: &[(&[u8], Option<&str>, &str)] = &[
        (b"{\"access_token\":\"t\",", None, "is cut short"),
        (b"nonsense", None, "is not JSON"),
        (b"[1,2]", None, "is not a JSON object"),
        (b"\"text\"", None, "is not a JSON object"),
        (
            b"{\"access_token\":[\"t\"]}",
            Some("access_token"),
            "is an object or an array",
        ),
        (
            b"{\"access_token\":null}",
            Some("access_token"),
            "is missing or empty",
        ),
        (
            b"{\"access_token\":\"t\",\"organization\":\"\xff\"}",
            Some("organization"),
            "not UTF-8",
        ),
        (
            b"{\"access_token\":\"t\",\"organization\":\"\0\"}",
            Some("organization"),
            "NUL",
        ),
        (
            b"{\"access_token\":\"t\",\"organization\":\"\\u0000\"}",
            Some("organization"),
            "NUL",
        ),
        (
            b"{\"access_token\":\"t\",\"organization\":\"\\udc00\"}",
            Some("organization"),
            "escape",
        ),
        (
            b"{\"access_token\":\"t\",\"access_token\":\"u\"}",
            Some("access_token"),
            "twice",
        ),
        (giant.as_bytes(), None, "longer than 1 MiB"),
    ];
    for (bad, column, reason) in table {
        let text = [
            good("a").as_bytes(),
            b"\r\n\n",
            bad,
            b"\r\n",
            good("b").as_bytes(),
        ]
        .concat();
        let rows = Sample::default().rows(text);
        assert_eq!(rows.len(), 3);
        let found = reject(&rows[1]);
        assert_eq!((found.row, found.line), (2, 3));
        assert_eq!(found.column.as_deref(), *column, "{found:?}");
        assert!(found.reason.contains(reason), "{found:?}");
        assert_eq!(session(&rows[2]).source_row, 3);
    }
}

#[test]
fn every_row_may_be_bad() {
    let mut text = format!("{HEADER}\n");
    for row in 0..5000 {
        writeln!(text, "only-{row}").expect("in memory");
    }
    let rows = Sample::default().rows(text);
    assert_eq!(rows.len(), 5000);
    assert!(
        rows.iter()
            .zip(1..)
            .all(|(row, number)| reject(row).row == number)
    );
}
