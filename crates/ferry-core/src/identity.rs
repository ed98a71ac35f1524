//! Whether Stytch's reply speaks of the person in the row.

use crate::outcome::MintedSession;

/// The names that a row gives to its person. What is `None` is not compared.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Id, slug or external id of the organization; empty if the API has none.
    pub organization: &'a str,
    /// The member's external id.
    pub external_id: Option<&'a str>,
    /// The person's email.
    pub email: Option<&'a str>,
}

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Mismatch {
    /// Another organization.
    Organization,
    /// Another external id.
    ExternalId,
    /// Another email.
    Email,
}

/// Compares the reply with the row: the organization always, then the external id if both sides
/// have one, else the email (any of theirs), trimmed and case-folded.
pub fn compare(expected: Expected<'_>, minted: &MintedSession) -> Result<(), Mismatch> {
    if !same_organization(expected.organization, minted) {
        return Err(Mismatch::Organization);
    }
    match (expected.external_id, &minted.external_id) {
        (Some(ours), Some(theirs)) if ours == theirs => Ok(()),
        (Some(_), Some(_)) => Err(Mismatch::ExternalId),
        _ => same_email(expected.email, &minted.emails),
    }
}

fn same_organization(ours: &str, minted: &MintedSession) -> bool {
    let Some(theirs) = &minted.organization else {
        return ours.is_empty();
    };
    ours == theirs.id || ours == theirs.slug || Some(ours) == theirs.external_id.as_deref()
}

fn same_email(ours: Option<&str>, theirs: &[String]) -> Result<(), Mismatch> {
    let fold = |email: &str| email.trim().to_lowercase();
    match ours.map(fold) {
        Some(ours) if !theirs.is_empty() && theirs.iter().all(|email| fold(email) != ours) => {
            Err(Mismatch::Email)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::outcome::MintedOrganization;

    fn alice() -> MintedSession {
        MintedSession {
            organization: Some(MintedOrganization {
                id: "organization-1".into(),
                slug: "acme".into(),
                external_id: Some("tenant|7".into()),
            }),
            member_id: "member-1".into(),
            emails: vec!["alice@example.com".into()],
            external_id: None,
            member_session_id: "session-1".into(),
            session_token: String::new().into(),
            expires_at: Timestamp::NEVER,
        }
    }

    fn expected<'a>(organization: &'a str, email: &'a str) -> Expected<'a> {
        Expected {
            organization,
            external_id: None,
            email: Some(email),
        }
    }

    #[test]
    fn the_organization_may_be_named_by_id_slug_or_external_id() {
        for name in ["organization-1", "acme", "tenant|7"] {
            assert_eq!(
                compare(expected(name, "alice@example.com"), &alice()),
                Ok(())
            );
        }
        let other = compare(expected("globex", "alice@example.com"), &alice());
        assert_eq!(other, Err(Mismatch::Organization));
    }

    #[test]
    fn an_email_is_compared_without_case_and_blanks() {
        assert_eq!(
            compare(expected("acme", " Alice@Example.COM "), &alice()),
            Ok(())
        );
        assert_eq!(
            compare(expected("acme", "bob@example.com"), &alice()),
            Err(Mismatch::Email)
        );
    }

    #[test]
    fn any_of_a_users_emails_will_do() {
        let minted = MintedSession {
            emails: vec!["alice@work.example".into(), "alice@example.com".into()],
            ..alice()
        };
        let row = expected("acme", "alice@example.com");
        assert_eq!(compare(row, &minted), Ok(()));
        let row = expected("acme", "bob@example.com");
        assert_eq!(compare(row, &minted), Err(Mismatch::Email));
    }

    #[test]
    fn an_external_id_outweighs_a_changed_email() {
        let minted = MintedSession {
            external_id: Some("u-1".into()),
            ..alice()
        };
        let row = |external_id| Expected {
            external_id,
            ..expected("acme", "old@example.com")
        };
        assert_eq!(compare(row(Some("u-1")), &minted), Ok(()));
        assert_eq!(
            compare(row(Some("u-2")), &minted),
            Err(Mismatch::ExternalId)
        );
    }
}
