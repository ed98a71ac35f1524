//! What a row says of itself, read without a call.

use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::reason::SkipReason;
use ferry_core::session::ExportRow;
use ferry_producer::source::Rules;

use crate::support::*;

const USERINFO: &str = r#""aud":["https://api.acme.example","https://acme.eu.auth0.com/userinfo"]"#;

fn verdict(sample: &Sample, token: &str, session_end: &str) -> Option<SkipReason> {
    let rows = sample.rows(csv(&[&format!("{token},acme,s,,{session_end}")]));
    match &rows[0] {
        ExportRow::Session(_) => None,
        ExportRow::Skipped(_, reason) => Some(*reason),
        ExportRow::Rejected(reject) => panic!("rejected: {reject:?}"),
    }
}

#[test]
fn a_jwt_fills_what_no_column_gives() {
    let token = jwt(&format!(
        r#"{{"exp":1767270000,"sub":"auth0|alice","email":"token@acme.example",{USERINFO}}}"#
    ));
    let rows = Sample::default().rows(csv(&[
        &format!("{token},acme,s,,1769904000"),
        &format!("{token},acme,s,column@acme.example,1769904000"),
    ]));
    let facts = &session(&rows[0]).facts;
    assert_eq!(
        facts.token_expires_at,
        Timestamp::from_seconds(1_767_270_000)
    );
    assert_eq!(facts.subject.as_deref(), Some("auth0|alice"));
    assert_eq!(facts.email.as_deref(), Some("token@acme.example"));
    assert_eq!(
        session(&rows[1]).facts.email.as_deref(),
        Some("column@acme.example")
    );
}

#[test]
fn a_jwt_that_would_be_called_in_vain_is_skipped() {
    let sample = Sample::default();
    let end = "2026-02-01T00:00:00Z";
    for (claims, expected) in [
        (
            format!(r#"{{"exp":1767268801,{USERINFO},"scope":"openid email"}}"#),
            None,
        ),
        (
            format!(r#"{{"exp":1767268800,{USERINFO}}}"#),
            Some(SkipReason::Expired),
        ),
        (
            r#"{"aud":"https://api.acme.example"}"#.to_owned(),
            Some(SkipReason::WrongAudience),
        ),
        (
            format!(r#"{{{USERINFO},"scope":"openid profile"}}"#),
            Some(SkipReason::MissingScope),
        ),
        (r#"{"sub":"no audience, no scope"}"#.to_owned(), None),
    ] {
        assert_eq!(verdict(&sample, &jwt(&claims), end), expected, "{claims}");
    }
}

#[test]
fn audience_and_scopes_follow_the_rules() {
    let sample = Sample {
        rules: Rules {
            audience: Some("account".to_owned()),
            required_scopes: vec!["openid".to_owned()],
            ..Rules::default()
        },
        ..Sample::default()
    };
    let end = "2026-02-01T00:00:00Z";
    let keycloak = jwt(r#"{"aud":"account","scope":"openid"}"#);
    assert_eq!(verdict(&sample, &keycloak, end), None);
    let other = jwt(&format!(r#"{{{USERINFO},"scope":"openid"}}"#));
    assert_eq!(
        verdict(&sample, &other, end),
        Some(SkipReason::WrongAudience)
    );
}

#[test]
fn an_opaque_token_is_judged_by_its_columns_alone() {
    let encrypted = "eyJhbGciOiJkaXIifQ..aXY.eyJleHAiOjF9.dGFn";
    for token in ["opaque", "a.b.c", encrypted] {
        assert_eq!(
            verdict(&Sample::default(), token, "1769904000"),
            None,
            "{token}"
        );
    }
    let text = "access_token,organization,session_id,session_expires_at,token_expires_at\n\
                opaque,acme,s1,1769904000,1767268800\n\
                opaque,acme,s2,1769904000,1767268801\n\
                opaque,acme,s3,1769904000,\n";
    let rows = Sample::default().rows(text);
    assert!(matches!(
        rows[0],
        ExportRow::Skipped(_, SkipReason::Expired)
    ));
    assert!(matches!(rows[1], ExportRow::Session(_)));
    assert_eq!(session(&rows[2]).facts.token_expires_at, Timestamp::NEVER);
}

#[test]
fn the_earlier_of_two_token_ends_holds() {
    let token = jwt(&format!(r#"{{"exp":1767270000,{USERINFO}}}"#));
    let rows = Sample::default().rows(format!(
        "access_token,organization,session_id,session_expires_at,token_expires_at\n\
         {token},acme,s1,1769904000,1767260000\n\
         {token},acme,s2,1769904000,1767290000\n"
    ));
    assert!(matches!(
        rows[0],
        ExportRow::Skipped(_, SkipReason::Expired)
    ));
    let end = session(&rows[1]).facts.token_expires_at;
    assert_eq!(end, Timestamp::from_seconds(1_767_270_000));
}

#[test]
fn a_session_that_is_over_is_skipped_whatever_its_token_says() {
    let dead = jwt(r#"{"exp":1}"#);
    for token in ["opaque", &dead] {
        let reason = verdict(&Sample::default(), token, "2026-01-01T12:00:00Z");
        assert_eq!(reason, Some(SkipReason::SessionOver));
    }
}

#[test]
fn a_row_without_an_end_needs_a_policy() {
    let text = csv(&["token,acme,s,,"]);
    let rows = Sample::default().rows(&text);
    let reject = reject(&rows[0]);
    assert_eq!(reject.column.as_deref(), Some("session_expires_at"));
    assert!(
        reject.reason.contains("map session_expires_at"),
        "{reject:?}"
    );
    assert!(
        reject.reason.contains("sessions.default_lifetime"),
        "{reject:?}"
    );

    let sample = Sample {
        rules: Rules {
            default_lifetime: Some(Duration::from_hours(8)),
            ..Rules::default()
        },
        ..Sample::default()
    };
    assert!(matches!(sample.rows(&text)[0], ExportRow::Session(_)));
}
