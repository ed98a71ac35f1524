//! What a new member's or user's values must look like.

use super::Failure;

/// One `@`, something before it, a dot somewhere after it, no space.
pub(super) fn check_email(email: &str) -> Result<(), Failure> {
    let sound = email.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && domain.contains('.')
            && !domain.contains('@')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && !email.contains(char::is_whitespace)
    });
    if sound {
        Ok(())
    } else {
        Err(Failure::invalid_email())
    }
}

/// Letters, digits and `.`, `_`, `-`, `|`, at most 128 of them.
pub(super) fn check_external_id(external_id: Option<&str>) -> Result<(), Failure> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "._-|".contains(letter);
    let sound =
        external_id.is_none_or(|id| id.len() <= LONGEST_EXTERNAL_ID && id.chars().all(allowed));
    if sound {
        Ok(())
    } else {
        Err(Failure::new(
            400,
            "invalid_request_value",
            "The external_id is invalid.",
        ))
    }
}

const LONGEST_EXTERNAL_ID: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_a_local_part_and_a_domain() {
        for email in ["alice@example.com", "a.b+c@sub.example.com"] {
            assert!(check_email(email).is_ok(), "{email}");
        }
        for email in [
            "",
            "alice",
            "@example.com",
            "alice@com",
            "a b@example.com",
            "a@b@example.com",
        ] {
            assert!(check_email(email).is_err(), "{email}");
        }
    }

    #[test]
    fn an_external_id_may_be_an_auth0_subject() {
        assert!(check_external_id(Some("auth0|abc-1_2.3")).is_ok());
        assert!(check_external_id(Some("with space")).is_err());
        assert!(check_external_id(Some(&"x".repeat(129))).is_err());
    }
}
