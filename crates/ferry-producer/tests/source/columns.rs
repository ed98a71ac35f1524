//! Which column is read for what.

use std::collections::BTreeMap;
use std::io::Cursor;

use ferry_producer::source::{Columns, Rules, SourceError};
use secrecy::ExposeSecret as _;

use crate::support::*;

#[test]
fn columns_are_found_by_their_configured_names() {
    let sample = Sample {
        columns: Columns {
            access_token: "at".to_owned(),
            organization: "tenant".to_owned(),
            session_id: "sid".to_owned(),
            subject: Some("uid".to_owned()),
            email: Some("mail".to_owned()),
            name: Some("called".to_owned()),
            external_id: Some("uid".to_owned()),
            token_expires_at: Some("exp".to_owned()),
            session_expires_at: Some("until".to_owned()),
            idle_timeout: Some("idle".to_owned()),
            absolute_expires_at: Some("latest".to_owned()),
            last_active_at: Some("seen".to_owned()),
            custom_claims: BTreeMap::new(),
        },
        ..Sample::default()
    };
    let rows = sample.rows(
        "seen,latest,idle,until,exp,mail,called,uid,sid,tenant,at\n\
         1767268000,1767270000000,30m,2026-02-01T00:00:00Z,1767269000,a@b.example,Ann Bee,u1,s1,acme,t1\n",
    );
    let session = session(&rows[0]);
    assert_eq!(session.source_row, 1);
    assert_eq!(session.access_token.expose_secret(), "t1");
    assert_eq!(session.organization, "acme");
    assert_eq!(session.stable_id.expose_secret(), "s1");
    let facts = format!("{:?}", session.facts);
    for expected in [
        r#"subject: Some("u1")"#,
        r#"email: Some("a@b.example")"#,
        r#"name: Some("Ann Bee")"#,
        r#"external_id: Some("u1")"#,
        "token_expires_at: Timestamp(1767269000000)",
        "session_expires_at: Some(Timestamp(1769904000000))",
        "idle_timeout: Some(1800s)",
        "last_active_at: Some(Timestamp(1767268000000))",
        "absolute_expires_at: Some(Timestamp(1767270000000))",
    ] {
        assert!(facts.contains(expected), "{expected} in {facts}");
    }
}

#[test]
fn the_header_can_be_read() {
    let export = Sample::default()
        .open(Cursor::new(csv(&[ALICE])))
        .expect("a header");
    assert_eq!(export.header().join(","), HEADER);
    let ndjson = "{\"access_token\":\"t\",\"organization\":\"o\",\"session_id\":\"s\"}\n{\"x\":1}";
    let export = Sample::default().open(Cursor::new(ndjson)).expect("keys");
    assert_eq!(
        export.header(),
        ["access_token", "organization", "session_id", "x"]
    );
}

#[test]
fn ndjson_may_leave_keys_out_here_and_there_but_not_everywhere() {
    let line = |email: &str| {
        format!(
            r#"{{"access_token":"t","organization":"o","session_id":"s",{email}"session_expires_at":1769904000}}"#
        )
    };
    let mut sample = Sample::default();
    sample.columns.email = Some("mail".to_owned());
    let rows = sample.rows(format!("{}\n{}", line(""), line(r#""mail":"a@b","#)));
    assert_eq!(session(&rows[0]).facts.email, None);
    assert_eq!(session(&rows[1]).facts.email.as_deref(), Some("a@b"));

    let fault = sample.fault(line(r#""e_mail":"a@b","#));
    assert!(matches!(fault, SourceError::MissingColumn(_)), "{fault}");
    assert!(
        fault
            .to_string()
            .contains("none of the first records has it"),
        "{fault}"
    );
    assert!(fault.to_string().contains("e_mail"), "{fault}");
}

#[test]
fn without_organizations_the_column_is_not_read() {
    let sample = Sample {
        rules: Rules {
            consumer: true,
            ..Rules::default()
        },
        ..Sample::default()
    };
    let rows = sample.rows("access_token,session_id,session_expires_at\nt,s,1769904000\n");
    assert_eq!(session(&rows[0]).organization, "");
}

#[test]
fn the_key_is_made_from_the_token_only_on_request() {
    let text = "access_token,organization,session_expires_at\nt1,acme,1769904000\n";
    assert!(matches!(
        Sample::default().fault(text),
        SourceError::MissingColumn(_)
    ));
    let sample = Sample {
        rules: Rules {
            key_from_token: true,
            ..Rules::default()
        },
        ..Sample::default()
    };
    assert_eq!(
        session(&sample.rows(text)[0]).stable_id.expose_secret(),
        "t1"
    );
}

#[test]
fn any_column_can_be_a_custom_claim() {
    let mut sample = Sample::default();
    sample.columns.custom_claims = BTreeMap::from([
        ("plan".to_owned(), "plan".to_owned()),
        ("org \"x\"".to_owned(), "organization".to_owned()),
    ]);
    let header = "access_token,organization,session_id,session_expires_at,plan";
    let rows = sample.rows(format!(
        "{header}\nt,acme,s,1769904000,\"\"\"gold\"\"\"\nt,acme,s2,1769904000,\n"
    ));
    let claims = |row: usize| session(&rows[row]).custom_claims.as_deref();
    assert_eq!(claims(0), Some(r#"{"org \"x\"":"acme","plan":"\"gold\""}"#));
    assert_eq!(claims(1), Some(r#"{"org \"x\"":"acme"}"#));

    let ndjson = |plan: &str| {
        format!(
            r#"{{"access_token":"t","organization":"o","session_id":"s","session_expires_at":1769904000,"plan":{plan}}}"#
        )
    };
    for (plan, claim) in [
        ("7", "7"),
        ("true", "true"),
        ("1.50", "1.50"),
        (r#""7""#, r#""7""#),
    ] {
        let rows = sample.rows(ndjson(plan));
        let claims = session(&rows[0]).custom_claims.clone().expect("claims");
        assert!(
            claims.ends_with(&format!(r#""plan":{claim}}}"#)),
            "{claims}"
        );
    }
    let reject = reject(&sample.rows(ndjson("[1]"))[0]).clone();
    assert_eq!(reject.column.as_deref(), Some("plan"));
}

#[test]
fn custom_claims_that_stytch_would_not_take_are_refused() {
    let mut sample = Sample::default();
    sample.columns.custom_claims = BTreeMap::from([("note".to_owned(), "note".to_owned())]);
    let row = |length: usize| {
        let note = "n".repeat(length);
        format!(
            "access_token,organization,session_id,session_expires_at,note\nt,o,s,1769904000,{note}\n"
        )
    };
    // {"note":"…"} is 11 bytes longer than the note.
    let longest = 3584 - 11;
    assert!(
        session(&sample.rows(row(longest))[0])
            .custom_claims
            .is_some()
    );
    let rows = sample.rows(row(longest + 1));
    assert!(
        reject(&rows[0]).reason.contains("larger than 3.5 KiB"),
        "{rows:?}"
    );

    sample.columns.custom_claims = BTreeMap::from([("sub".to_owned(), "note".to_owned())]);
    let fault = sample.fault(row(1));
    assert!(fault.to_string().contains("\"sub\" is reserved"), "{fault}");
}
