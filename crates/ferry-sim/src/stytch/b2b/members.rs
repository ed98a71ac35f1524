//! `/v1/b2b/organizations/{organization_id}/members`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::directory::{Duplicate, Member, Realm, Status};
use crate::reply;
use crate::stytch::Failure;
use crate::stytch::body::{null_is_default, parse};
use crate::stytch::person::{check_email, check_external_id};
use crate::stytch::target::given;
use crate::stytch::view::WithOrganization;
use crate::world::World;

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct NewMember {
    #[serde(deserialize_with = "null_is_default")]
    email_address: String,
    #[serde(deserialize_with = "null_is_default")]
    name: String,
    #[serde(deserialize_with = "null_is_default")]
    trusted_metadata: Map<String, Value>,
    #[serde(deserialize_with = "null_is_default")]
    untrusted_metadata: Map<String, Value>,
    #[serde(deserialize_with = "null_is_default")]
    create_member_as_pending: bool,
    #[serde(deserialize_with = "null_is_default")]
    is_breakglass: bool,
    #[serde(deserialize_with = "null_is_default")]
    mfa_phone_number: String,
    #[serde(deserialize_with = "null_is_default")]
    mfa_enrolled: bool,
    #[serde(deserialize_with = "null_is_default")]
    roles: Vec<String>,
    external_id: Option<String>,
}

pub(super) async fn create(
    State(world): State<Arc<World>>,
    Path(reference): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let organization = world.organizations.by_reference(&reference)?.number;
    let new: NewMember = parse(&body)?;
    check_email(&new.email_address)?;
    let external_id = new.external_id.filter(|id| !id.is_empty());
    check_external_id(external_id.as_deref())?;
    let realm = Realm::Organization(organization);
    let member = Member {
        name: new.name,
        status: if new.create_member_as_pending {
            Status::Pending
        } else {
            Status::Active
        },
        external_id,
        roles: new.roles,
        is_breakglass: new.is_breakglass,
        mfa_enrolled: new.mfa_enrolled,
        phone_number: new.mfa_phone_number,
        trusted_metadata: new.trusted_metadata,
        untrusted_metadata: new.untrusted_metadata,
        ..Member::new(realm, new.email_address, world.clock.now())
    };
    let member = world
        .directory
        .create(member)
        .map_err(|duplicate| match duplicate {
            Duplicate::Email => Failure::new(
                400,
                "duplicate_member_email",
                "A member with this email address already exists in the organization.",
            ),
            Duplicate::ExternalId => Failure::new(
                400,
                "duplicate_member_external_id",
                "A member with this external id already exists in the organization.",
            ),
        })?;
    Ok(reply::ok(WithOrganization::new(
        &world,
        &member,
        organization,
    )))
}

#[derive(Deserialize)]
pub(super) struct Whom {
    member_id: Option<String>,
    email_address: Option<String>,
}

pub(super) async fn get(
    State(world): State<Arc<World>>,
    Path(reference): Path<String>,
    Query(whom): Query<Whom>,
) -> Result<Response, Failure> {
    let organization = world.organizations.by_reference(&reference)?.number;
    let realm = Realm::Organization(organization);
    let member = match (
        given(whom.member_id.as_deref()),
        given(whom.email_address.as_deref()),
    ) {
        (Some(id), None) => world.directory.by_reference(realm, id),
        (None, Some(email)) => world.directory.by_email(realm, email),
        _ => {
            return Err(Failure::new(
                400,
                "invalid_member_get_fields",
                "Exactly one of member_id and email_address is required.",
            ));
        }
    };
    let member = member.ok_or_else(Failure::member_not_found)?;
    Ok(reply::ok(WithOrganization::new(
        &world,
        &member,
        organization,
    )))
}
