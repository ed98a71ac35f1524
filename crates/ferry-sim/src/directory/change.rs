//! What may be changed about a person of the population.

use serde::{Deserialize, Serialize};

use super::Status;

/// A change of one person; what is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PersonChange {
    /// The person logged out: UserInfo refuses every access token of theirs, and their refresh
    /// tokens are void.
    pub logged_out: Option<bool>,
    /// Whether Stytch knows the person.
    pub member_exists: Option<bool>,
    /// The person's status at Stytch.
    pub member_status: Option<Status>,
    /// The person's address at Stytch.
    pub stytch_email: Option<String>,
    /// The address that UserInfo gives; empty: none, as for a token without the scope `email`.
    pub userinfo_email: Option<String>,
}

impl PersonChange {
    pub(super) fn merge(&mut self, later: Self) {
        self.logged_out = later.logged_out.or(self.logged_out);
        self.member_exists = later.member_exists.or(self.member_exists);
        self.member_status = later.member_status.or(self.member_status);
        self.stytch_email = later.stytch_email.or(self.stytch_email.take());
        self.userinfo_email = later.userinfo_email.or(self.userinfo_email.take());
    }
}
