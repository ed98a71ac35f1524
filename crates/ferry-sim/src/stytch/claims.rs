//! Custom claims of a session.

use serde_json::{Map, Value};

use super::Failure;
use crate::faults::ReservedClaims;

/// The claims after `given` was applied to `kept`: `null` deletes a key, reserved names are ignored
/// or rejected, and the whole must not exceed four kilobytes.
pub(crate) fn apply(
    mut kept: Map<String, Value>,
    given: Map<String, Value>,
    reserved: ReservedClaims,
) -> Result<Map<String, Value>, Failure> {
    for (name, value) in given {
        if let Some(failure) = reserved_name(&name) {
            if reserved == ReservedClaims::Rejected {
                return Err(failure);
            }
        } else if value.is_null() {
            kept.remove(&name);
        } else {
            kept.insert(name, value);
        }
    }
    if text(&kept).len() > LARGEST_CLAIMS_BYTES {
        return Err(Failure::new(
            400,
            "custom_claims_too_large",
            "The custom claims exceed four kilobytes.",
        ));
    }
    Ok(kept)
}

/// The claims as they are kept.
pub(crate) fn text(claims: &Map<String, Value>) -> String {
    serde_json::to_string(claims).expect("a JSON object can be written")
}

fn reserved_name(name: &str) -> Option<Failure> {
    if ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"].contains(&name) {
        return Some(Failure::new(
            400,
            "reserved_claims_in_custom_claims",
            "The custom claims contain a reserved claim.",
        ));
    }
    name.starts_with("https://stytch.com/").then(|| {
        Failure::new(
            400,
            "stytch_claims_in_custom_claims",
            "The custom claims contain a claim in Stytch's namespace.",
        )
    })
}

const LARGEST_CLAIMS_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else {
            panic!("{value} is no object")
        };
        object
    }

    #[test]
    fn null_deletes_a_claim_and_reserved_names_are_left_out() {
        let kept = object(json!({ "a": 1, "b": 2 }));
        let given =
            object(json!({ "a": null, "c": 3, "sub": "x", "https://stytch.com/session": 1 }));
        let after = apply(kept, given, ReservedClaims::Ignored).expect("nothing is wrong");
        assert_eq!(Value::Object(after), json!({ "b": 2, "c": 3 }));
    }

    #[test]
    fn reserved_names_are_rejected_when_the_switch_says_so() {
        let given = object(json!({ "sub": "x" }));
        assert!(apply(Map::new(), given, ReservedClaims::Rejected).is_err());
    }

    #[test]
    fn four_kilobytes_are_taken_and_one_byte_more_is_not() {
        let sized = |length| object(json!({ "a": "x".repeat(length) }));
        let frame = text(&sized(0)).len();
        assert!(apply(Map::new(), sized(4096 - frame), ReservedClaims::Ignored).is_ok());
        assert!(apply(Map::new(), sized(4097 - frame), ReservedClaims::Ignored).is_err());
    }
}
