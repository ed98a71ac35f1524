//! A B2B member.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::clock::rfc3339;
use crate::directory::{Member, Realm, Status};
use crate::world::World;

#[derive(Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "these are Stytch's fields")]
pub(crate) struct MemberView<'a> {
    organization_id: &'a str,
    member_id: String,
    email_address: &'a str,
    status: Status,
    name: &'a str,
    sso_registrations: [(); 0],
    is_breakglass: bool,
    member_password_id: &'static str,
    oauth_registrations: [(); 0],
    email_address_verified: bool,
    mfa_phone_number_verified: bool,
    is_admin: bool,
    totp_registration_id: &'static str,
    retired_email_addresses: [(); 0],
    is_locked: bool,
    mfa_enrolled: bool,
    mfa_phone_number: &'a str,
    default_mfa_method: &'static str,
    roles: Vec<Role<'a>>,
    trusted_metadata: &'a Map<String, Value>,
    untrusted_metadata: &'a Map<String, Value>,
    created_at: String,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Role<'a> {
    role_id: &'a str,
    sources: [Source; 1],
}

#[derive(Debug, Serialize)]
struct Source {
    r#type: &'static str,
    details: Map<String, Value>,
}

impl<'a> MemberView<'a> {
    pub(crate) fn new(world: &'a World, member: &'a Member) -> Self {
        let organization_id = match member.realm {
            Realm::Organization(number) => &world.organizations.by_number(number).organization_id,
            Realm::Project => "",
        };
        let explicit = member.roles.iter().map(String::as_str);
        let roles = std::iter::once("stytch_member")
            .chain(explicit)
            .map(Role::new)
            .collect();
        Self {
            organization_id,
            member_id: world.directory.id(member.realm, member.number),
            email_address: &member.email,
            status: member.status,
            name: &member.name,
            sso_registrations: [],
            is_breakglass: member.is_breakglass,
            member_password_id: "",
            oauth_registrations: [],
            email_address_verified: member.status == Status::Active,
            mfa_phone_number_verified: false,
            is_admin: member.roles.iter().any(|role| role == "stytch_admin"),
            totp_registration_id: "",
            retired_email_addresses: [],
            is_locked: false,
            mfa_enrolled: member.mfa_enrolled,
            mfa_phone_number: &member.phone_number,
            default_mfa_method: "",
            roles,
            trusted_metadata: &member.trusted_metadata,
            untrusted_metadata: &member.untrusted_metadata,
            created_at: rfc3339(member.created_at),
            updated_at: rfc3339(member.created_at),
            external_id: member.external_id.as_deref(),
        }
    }
}

impl<'a> Role<'a> {
    fn new(role_id: &'a str) -> Self {
        Self {
            role_id,
            sources: [Source {
                r#type: "direct_assignment",
                details: Map::new(),
            }],
        }
    }
}

/// A member with their organization, as several endpoints give them.
#[derive(Debug, Serialize)]
pub(crate) struct WithOrganization<'a> {
    member_id: String,
    member: MemberView<'a>,
    organization: &'a RawValue,
}

impl<'a> WithOrganization<'a> {
    pub(crate) fn new(world: &'a World, member: &'a Member, organization: u32) -> Self {
        Self {
            member_id: world.directory.id(member.realm, member.number),
            member: MemberView::new(world, member),
            organization: world.organizations.view(organization),
        }
    }
}
