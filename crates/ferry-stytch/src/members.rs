//! Finding a member.

use ferry_core::failure::{Judgement, judge};
use ferry_core::reason::DeadReason;
use serde::Deserialize;
use serde_json::json;

use crate::client::{Api, Client, LONGEST_REPLY_BYTES};
use crate::endpoint::encoded_segment;
use crate::failure::{Failure, refused_here};
use crate::reply::parse;

/// A member of an organization, or a Consumer user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The member's (Consumer: the user's) id at Stytch.
    pub member_id: String,
    /// Stytch's own id of the organization; empty for the Consumer API.
    pub organization_id: String,
}

#[derive(Deserialize)]
struct MemberReply {
    member: MemberPart,
}

#[derive(Deserialize)]
struct MemberPart {
    member_id: String,
    organization_id: String,
}

#[derive(Deserialize)]
struct UserSearchReply {
    results: Vec<UserPart>,
}

#[derive(Deserialize)]
struct UserPart {
    user_id: String,
}

impl Client {
    /// Finds a member by organization (id, slug or external id) and email. `None`: there is none.
    ///
    /// For Consumer the user is searched for by email, which Stytch limits to 150 calls a minute.
    ///
    /// Sources: Stytch's API reference, "Get member", "Search users".
    pub async fn find_member(
        &self,
        organization: &str,
        email: &str,
    ) -> Result<Option<Member>, Failure> {
        let found = match self.api() {
            Api::B2b => self.get_member(organization, email).await.map(Some),
            Api::Consumer => self.search_user(email).await,
        };
        match found {
            Err(Failure::Refused(refusal))
                if judge(&refusal) == Judgement::Session(DeadReason::MemberMissing) =>
            {
                Ok(None)
            }
            other => other,
        }
    }

    async fn get_member(&self, organization: &str, email: &str) -> Result<Member, Failure> {
        // No organization can have a name that a path cannot hold.
        let organization = encoded_segment(organization)
            .ok_or_else(|| refused_here(404, "organization_not_found"))?;
        let request = self
            .get(&format!("/v1/b2b/organizations/{organization}/member"))
            .query(&[("email_address", email)]);
        let body = self.send(request, LONGEST_REPLY_BYTES).await?;
        let MemberReply { member } = parse(&body)?;
        Ok(Member {
            member_id: member.member_id,
            organization_id: member.organization_id,
        })
    }

    async fn search_user(&self, email: &str) -> Result<Option<Member>, Failure> {
        let operand = json!({"filter_name": "email_address", "filter_value": [email]});
        // An email belongs to one user of a project.
        let search = json!({"limit": 1, "query": {"operator": "AND", "operands": [operand]}});
        let request = self.post("/v1/users/search").json(&search);
        let body = self.send(request, LONGEST_REPLY_BYTES).await?;
        let UserSearchReply { results } = parse(&body)?;
        Ok(results.into_iter().next().map(|user| Member {
            member_id: user.user_id,
            organization_id: String::new(),
        }))
    }
}
