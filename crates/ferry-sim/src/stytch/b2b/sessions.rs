//! `/v1/b2b/sessions`.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::directory::Realm;
use crate::gate::CallNumber;
use crate::reply;
use crate::sessions::{Api, Owner};
use crate::stytch::body::parse;
use crate::stytch::view::{MemberSessionView, MemberView};
use crate::stytch::{Failure, authenticate, jwt, list, migrate, revoke};
use crate::world::World;

pub(super) async fn migrate(
    State(world): State<Arc<World>>,
    Extension(CallNumber(call)): Extension<CallNumber>,
    body: Bytes,
) -> Response {
    migrate::migrate(world, Api::B2b, call, body).await
}

#[derive(Deserialize)]
pub(super) struct Whose {
    organization_id: Option<String>,
    member_id: Option<String>,
}

pub(super) async fn list(
    State(world): State<Arc<World>>,
    Query(whose): Query<Whose>,
) -> Result<Response, Failure> {
    let organization = world
        .organizations
        .by_reference(whose.organization_id.as_deref().unwrap_or_default())?
        .number;
    let member = world
        .directory
        .by_reference(
            Realm::Organization(organization),
            whose.member_id.as_deref().unwrap_or_default(),
        )
        .ok_or_else(Failure::member_not_found)?;
    let sessions = list::alive(
        &world,
        Owner {
            api: Api::B2b,
            number: member.number,
        },
    );
    let views: Vec<_> = sessions
        .iter()
        .map(|(number, record)| MemberSessionView::new(&world, *number, record))
        .collect();
    Ok(reply::ok(json!({ "member_sessions": views })))
}

#[derive(Serialize)]
struct Authenticated<'a> {
    session_token: String,
    session_jwt: String,
    member_session: MemberSessionView<'a>,
    member: MemberView<'a>,
    organization: &'a RawValue,
}

pub(super) async fn authenticate(
    State(world): State<Arc<World>>,
    body: Bytes,
) -> Result<Response, Failure> {
    let (number, record) = authenticate::authenticate(&world, Api::B2b, parse(&body)?)?;
    let member = world
        .directory
        .by_number(record.realm(), record.owner.number)
        .ok_or_else(Failure::session_not_found)?;
    Ok(reply::ok(Authenticated {
        session_token: world.session_token(Api::B2b, number),
        session_jwt: jwt::session_jwt(&world, number, &record),
        member_session: MemberSessionView::new(&world, number, &record),
        member: MemberView::new(&world, &member),
        organization: world.organizations.view(record.organization),
    }))
}

pub(super) async fn revoke(
    State(world): State<Arc<World>>,
    body: Bytes,
) -> Result<Response, Failure> {
    revoke::revoke(&world, Api::B2b, &parse(&body)?)?;
    Ok(reply::ok(json!({})))
}
