//! No token leaves by a message.

use std::io::Cursor;

use ferry_core::session::ExportRow;
use ferry_producer::source::Format;

use crate::support::*;

const CANARY: &str = "c4naryT0kenXq7";

/// All that Ferry might print about an export.
fn printed(format: Option<Format>, bytes: &[u8]) -> String {
    let mut sample = Sample::default();
    sample.options.format = format;
    let mut export = match sample.open(Cursor::new(bytes.to_vec())) {
        Ok(export) => export,
        Err(fault) => return format!("{fault} {fault:?}"),
    };
    let mut rows: Vec<ExportRow> = Vec::new();
    let end = loop {
        match export.next_batch(10, &mut rows) {
            Ok(0) => break String::new(),
            Ok(_) => {}
            Err(fault) => break format!("{fault} {fault:?}"),
        }
    };
    format!("{rows:?} {export:?} {:?} {end}", export.identity())
}

#[test]
fn a_token_is_in_no_message_whatever_is_wrong_with_its_row() {
    let jwt = jwt(&format!(r#"{{"jti":"{CANARY}","exp":1}}"#));
    let rows = [
        format!("{CANARY},acme,s,e,1769904000"),
        format!("{jwt},acme,{CANARY},e,1769904000"),
        CANARY.to_owned(),
        format!("{CANARY} {CANARY},acme,s,e,1769904000"),
        format!("{CANARY}\0,acme,s,e,1769904000"),
        format!("Bearer {CANARY},acme,s,e,1769904000"),
        format!("{},acme,s,e,1769904000", CANARY.repeat(2000)),
        format!("{CANARY},acme,s,e,{CANARY}"),
        format!("{CANARY},acme,,e,1769904000"),
        CANARY.repeat(100_000),
        format!("\"{CANARY}\nx\",acme,{CANARY},e,1769904000"),
        format!("{CANARY},acme,s,\"{CANARY}\n{CANARY}"),
    ];
    for row in &rows {
        let text = printed(None, csv(&[ALICE, row]).as_bytes());
        assert!(!text.contains(CANARY), "{row:.60}: {text:.2000}");
        let without_header = printed(Some(Format::Csv), row.as_bytes());
        assert!(
            !without_header.contains(CANARY),
            "{row:.60}: {without_header:.2000}"
        );
    }
}

#[test]
fn a_token_in_bad_json_is_in_no_message() {
    for line in [
        format!(r#"{{"access_token":"{CANARY}""#),
        format!(r#"{{"access_token":{CANARY}}}"#),
        format!(r#"{{"access_token":["{CANARY}"]}}"#),
        format!(r#""{CANARY}""#),
        CANARY.to_owned(),
        format!(r#"{{"access_token":"{CANARY}","access_token":"{CANARY}"}}"#),
        format!(r#"{{"{CANARY}{CANARY}":1}}"#),
        format!(r#"{{"access_token":"{CANARY}","session_expires_at":"{CANARY}"}}"#),
        format!(
            r#"{{"access_token":"t","organization":"o","session_id":"s","session_expires_at":"{CANARY}"}}"#
        ),
    ] {
        let text = printed(Some(Format::Ndjson), line.as_bytes());
        assert!(!text.contains(CANARY), "{line}: {text}");
        let as_csv = printed(Some(Format::Csv), line.as_bytes());
        assert!(!as_csv.contains(CANARY), "{line}: {as_csv}");
    }
}
