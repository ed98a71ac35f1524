//! Organizations, and who is in them.

use serde::Deserialize;
use serde_json::json;

use crate::client::{Client, LONGEST_REPLY_BYTES};
use crate::endpoint::encoded_segment;
use crate::failure::{Failure, refused_here};
use crate::reply::parse;

/// An organization of the project.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Organization {
    /// Stytch's own id.
    pub organization_id: String,
}

/// So many members of organizations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberPage {
    /// Members, in no order. Deleted ones are not among them.
    pub members: Vec<MemberSketch>,
    /// All that the search finds.
    pub total: u64,
    /// Leads to the next page; `None` on the last one.
    pub next: Option<String>,
}

/// What tells a member from another one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MemberSketch {
    /// Stytch's own id of the organization.
    pub organization_id: String,
    /// The address by which Stytch matches the person.
    #[serde(default)]
    pub email_address: String,
    /// The id that the operator gave the member.
    pub external_id: Option<String>,
}

/// The largest page that Stytch gives.
const PAGE: u32 = 1000;

/// A page of members with everything set: some 8 KB each.
const LONGEST_PAGE_BYTES: usize = 16 * LONGEST_REPLY_BYTES;

#[derive(Deserialize)]
struct OrganizationReply {
    organization: Organization,
}

#[derive(Deserialize)]
struct SearchReply {
    members: Vec<MemberSketch>,
    results_metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    total: u64,
    next_cursor: Option<String>,
}

impl Client {
    /// Finds an organization by its id, slug or external id (B2B only).
    ///
    /// Source: Stytch's API reference, "Get Organization".
    pub async fn organization(&self, reference: &str) -> Result<Organization, Failure> {
        // No organization can have a name that a path cannot hold.
        let reference = encoded_segment(reference)
            .ok_or_else(|| refused_here(404, "organization_not_found"))?;
        let request = self.get(&format!("/v1/b2b/organizations/{reference}"));
        let body = self.send(request, LONGEST_REPLY_BYTES).await?;
        let OrganizationReply { organization } = parse(&body)?;
        Ok(organization)
    }

    /// A page of the members of these organizations, by Stytch's own ids (B2B only). Stytch allows
    /// 100 calls a minute, and takes up to 9 s for one.
    ///
    /// Source: Stytch's API reference, "Search Members".
    pub async fn search_members(
        &self,
        organization_ids: &[String],
        cursor: Option<&str>,
    ) -> Result<MemberPage, Failure> {
        let mut search = json!({"organization_ids": organization_ids, "limit": PAGE});
        if let Some(cursor) = cursor {
            search["cursor"] = cursor.into();
        }
        let request = self
            .post("/v1/b2b/organizations/members/search")
            .json(&search);
        let body = self.send(request, LONGEST_PAGE_BYTES).await?;
        let SearchReply {
            members,
            results_metadata,
        } = parse(&body)?;
        let next = results_metadata.next_cursor;
        Ok(MemberPage {
            members,
            total: results_metadata.total,
            next: next.filter(|cursor| !cursor.is_empty()),
        })
    }
}
