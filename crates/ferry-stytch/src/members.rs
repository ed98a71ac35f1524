//! Finding and creating a member.

use ferry_core::failure::{Judgement, is_already_there, judge};
use ferry_core::reason::DeadReason;
use serde::{Deserialize, Serialize};
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

/// A member to be, as the export knows it.
#[derive(Debug, Clone, Copy)]
pub struct NewMember<'a> {
    /// The organization's id, slug or external id. Not sent to the Consumer API.
    pub organization: &'a str,
    /// The email that UserInfo names.
    pub email: &'a str,
    /// The full name.
    pub name: Option<&'a str>,
    /// The operator's own id of the person: at most 128 of `A-Z a-z 0-9 . _ - |`.
    pub external_id: Option<&'a str>,
}

/// What came of creating a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// It is there now.
    New,
    /// It was there before, by this email or this external id.
    AlreadyThere,
}

/// A pending member waits to be verified by an email of Stytch's; an active one is as those that
/// the operator imports. Whether migrating takes a pending one, and whether it minds that nobody has
/// verified the email of an active one, is not documented.
const AS_PENDING: bool = false;

#[derive(Serialize)]
struct MemberWire<'a> {
    email_address: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    create_member_as_pending: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
}

#[derive(Serialize)]
struct UserWire<'a> {
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<UserName<'a>>,
    create_user_as_pending: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
}

/// Stytch parts a user's name; where an export's full name is to be parted, nobody can tell.
#[derive(Serialize)]
struct UserName<'a> {
    first_name: &'a str,
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

    /// Creates a member (Consumer: a user). One that is there already is no failure, so creating
    /// twice does no harm.
    ///
    /// Sources: Stytch's API reference, "Create member", "Create user".
    pub async fn create_member(&self, new: &NewMember<'_>) -> Result<Created, Failure> {
        let request = match self.api() {
            Api::B2b => {
                let organization = encoded_organization(new.organization)?;
                self.post(&format!("/v1/b2b/organizations/{organization}/members"))
                    .json(&MemberWire {
                        email_address: new.email,
                        name: new.name,
                        create_member_as_pending: AS_PENDING,
                        external_id: new.external_id,
                    })
            }
            Api::Consumer => self.post("/v1/users").json(&UserWire {
                email: new.email,
                name: new.name.map(|first_name| UserName { first_name }),
                create_user_as_pending: AS_PENDING,
                external_id: new.external_id,
            }),
        };
        match self.send(request, LONGEST_REPLY_BYTES).await {
            Ok(_) => Ok(Created::New),
            Err(Failure::Refused(refusal)) if is_already_there(&refusal) => {
                Ok(Created::AlreadyThere)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn get_member(&self, organization: &str, email: &str) -> Result<Member, Failure> {
        let organization = encoded_organization(organization)?;
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

/// No organization can have a name that a path cannot hold.
fn encoded_organization(organization: &str) -> Result<String, Failure> {
    encoded_segment(organization).ok_or_else(|| refused_here(404, "organization_not_found"))
}
