//! `/v1/users`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::directory::{Duplicate, Member, Realm, Status};
use crate::reply;
use crate::stytch::Failure;
use crate::stytch::body::{null_is_default, parse};
use crate::stytch::person::{check_email, check_external_id};
use crate::stytch::search::{Metadata, Request, page_of};
use crate::stytch::view::{UserView, email_id, phone_id};
use crate::world::World;

#[derive(Deserialize, Default)]
#[serde(default)]
struct NewUser {
    #[serde(deserialize_with = "null_is_default")]
    email: String,
    #[serde(deserialize_with = "null_is_default")]
    phone_number: String,
    #[serde(deserialize_with = "null_is_default")]
    name: NewName,
    #[serde(deserialize_with = "null_is_default")]
    create_user_as_pending: bool,
    #[serde(deserialize_with = "null_is_default")]
    trusted_metadata: Map<String, Value>,
    #[serde(deserialize_with = "null_is_default")]
    untrusted_metadata: Map<String, Value>,
    #[serde(deserialize_with = "null_is_default")]
    roles: Vec<String>,
    external_id: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct NewName {
    #[serde(deserialize_with = "null_is_default")]
    #[serde(rename = "first_name")]
    first: String,
    #[serde(deserialize_with = "null_is_default")]
    #[serde(rename = "last_name")]
    last: String,
}

#[derive(Serialize)]
struct Created<'a> {
    user_id: String,
    email_id: String,
    phone_id: String,
    status: Status,
    user: UserView<'a>,
}

pub(super) async fn create(
    State(world): State<Arc<World>>,
    body: Bytes,
) -> Result<Response, Failure> {
    let new: NewUser = parse(&body)?;
    if !new.email.is_empty() || new.phone_number.is_empty() {
        check_email(&new.email)?;
    }
    let external_id = new.external_id.filter(|id| !id.is_empty());
    check_external_id(external_id.as_deref())?;
    let user = Member {
        name: format!("{} {}", new.name.first, new.name.last)
            .trim()
            .to_owned(),
        status: if new.create_user_as_pending {
            Status::Pending
        } else {
            Status::Active
        },
        external_id,
        roles: new.roles,
        phone_number: new.phone_number,
        trusted_metadata: new.trusted_metadata,
        untrusted_metadata: new.untrusted_metadata,
        ..Member::new(Realm::Project, new.email, world.clock.now())
    };
    let user = world
        .directory
        .create(user)
        .map_err(|duplicate| match duplicate {
            Duplicate::Email => Failure::new(
                400,
                "duplicate_email",
                "A user with this email already exists.",
            ),
            Duplicate::ExternalId => Failure::new(
                400,
                "duplicate_user_external_id",
                "A user with this external id already exists.",
            ),
        })?;
    Ok(reply::ok(Created {
        user_id: world.directory.id(Realm::Project, user.number),
        email_id: email_id(&world, &user),
        phone_id: phone_id(&world, &user),
        status: user.status,
        user: UserView::new(&world, &user),
    }))
}

pub(super) async fn get(
    State(world): State<Arc<World>>,
    Path(reference): Path<String>,
) -> Result<Response, Failure> {
    let user = world
        .directory
        .by_reference(Realm::Project, &reference)
        .ok_or_else(Failure::user_not_found)?;
    Ok(reply::ok(UserView::new(&world, &user)))
}

#[derive(Serialize)]
struct Found<'a> {
    results: Vec<UserView<'a>>,
    results_metadata: Metadata,
}

pub(super) async fn search(
    State(world): State<Arc<World>>,
    body: Bytes,
) -> Result<Response, Failure> {
    let request: Request = parse(&body)?;
    let page = page_of(&world, request, vec![Realm::Project]).await?;
    Ok(reply::ok(Found {
        results: page
            .found
            .iter()
            .map(|user| UserView::new(&world, user))
            .collect(),
        results_metadata: page.metadata,
    }))
}
