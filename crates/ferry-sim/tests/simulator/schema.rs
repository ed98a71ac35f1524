//! Replies against the vendor's schemas.

use serde_json::{Value, json};

/// The field names, types and required fields of the B2B API.
pub(crate) const B2B: &str = include_str!("../fixtures/fields-b2b.json");

/// The same of the Consumer API.
pub(crate) const CONSUMER: &str = include_str!("../fixtures/fields-consumer.json");

/// Checks a reply against a schema: nothing required is missing, nothing has another type, and
/// nothing is there that the vendor does not have.
#[track_caller]
pub(crate) fn check(document: &str, schema: &str, reply: &Value) {
    let mut document: Value = serde_json::from_str(document).expect("a fixture");
    let mut components = document["components"].take();
    close(&mut components);
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$ref": format!("#/components/schemas/{schema}"),
        "components": components,
    });
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = validator
        .iter_errors(reply)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\n{reply:#}");
}

/// Forbids fields that a schema does not name.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(close);
            if object.get("properties").is_some_and(Value::is_object)
                && object.get("type").is_some_and(|name| name == "object")
            {
                object.entry("additionalProperties").or_insert(json!(false));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        _ => {}
    }
}

#[test]
#[should_panic(expected = "is a required property")]
fn a_reply_without_a_required_field_is_caught() {
    check(
        B2B,
        "api_b2b_session_v1_RevokeResponse",
        &json!({ "status_code": 200 }),
    );
}

#[test]
#[should_panic(expected = "Additional properties are not allowed")]
fn a_reply_with_a_field_of_its_own_is_caught() {
    let reply = json!({ "status_code": 200, "request_id": "x", "requestid": "x" });
    check(B2B, "api_b2b_session_v1_RevokeResponse", &reply);
}
