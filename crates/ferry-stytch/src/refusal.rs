//! The body of an error reply.

use ferry_core::outcome::ErrorType;
use serde_json::Value;

/// A request id has some 56 characters (`request-id-test-<uuid>`); there is room for another form.
const LONGEST_REQUEST_ID: usize = 80;

/// The names in Stytch's error envelope, made safe to store and print: `error_type` (in the
/// OAuth-style envelope `error`) and `request_id`. A body that is no envelope, like a proxy's HTML
/// page, has neither.
///
/// Source: Stytch's docs "Error object" and its SDKs, which read both envelopes.
pub(crate) fn names(body: &[u8]) -> (Option<ErrorType>, Option<String>) {
    let envelope: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |field| envelope.get(field).and_then(Value::as_str);
    let non_empty = |field| text(field).filter(|text| !text.is_empty());
    let error_type = non_empty("error_type").or_else(|| non_empty("error"));
    (
        error_type.map(ErrorType::sanitized),
        non_empty("request_id").map(sanitized_request_id),
    )
}

fn sanitized_request_id(text: &str) -> String {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' {
            c
        } else {
            '_'
        }
    };
    text.chars().take(LONGEST_REQUEST_ID).map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> (Option<String>, Option<String>) {
        let (error_type, request_id) = names(body.as_bytes());
        (error_type.map(|name| name.as_str().to_owned()), request_id)
    }

    #[test]
    fn both_envelopes_are_read() {
        let envelope = r#"{"status_code":429,"request_id":"request-id-test-1","error_type":"too_many_requests","error_message":"…","error_url":"…"}"#;
        let expected = (
            Some("too_many_requests".to_owned()),
            Some("request-id-test-1".to_owned()),
        );
        assert_eq!(read(envelope), expected);
        let oauth = r#"{"error":"invalid_client","error_description":"…"}"#;
        assert_eq!(read(oauth), (Some("invalid_client".to_owned()), None));
    }

    #[test]
    fn a_body_that_is_no_envelope_has_no_names() {
        for body in [
            "",
            "<html>502 Bad Gateway</html>",
            "[]",
            "null",
            r#"{"error_type":7,"request_id":{}}"#,
            r#"{"error_type":"","request_id":""}"#,
        ] {
            assert_eq!(read(body), (None, None), "{body}");
        }
    }

    #[test]
    fn a_hostile_request_id_is_cut_and_cleaned() {
        let body = format!(r#"{{"request_id":"\u001b[31m{}"}}"#, "a".repeat(10_000));
        let (_, request_id) = read(&body);
        let request_id = request_id.unwrap();
        assert_eq!(request_id.len(), LONGEST_REQUEST_ID);
        assert!(request_id.starts_with("__31ma"), "{request_id}");
    }
}
