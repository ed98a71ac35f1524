//! `/v1/sessions`.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::directory::Realm;
use crate::gate::CallNumber;
use crate::reply;
use crate::sessions::{Api, Owner};
use crate::stytch::body::parse;
use crate::stytch::view::{UserSessionView, UserView};
use crate::stytch::{Failure, authenticate, jwt, list, migrate, revoke};
use crate::world::World;

pub(super) async fn migrate(
    State(world): State<Arc<World>>,
    Extension(CallNumber(call)): Extension<CallNumber>,
    body: Bytes,
) -> Response {
    migrate::migrate(world, Api::Consumer, call, body).await
}

#[derive(Deserialize)]
pub(super) struct Whose {
    user_id: Option<String>,
}

pub(super) async fn list(
    State(world): State<Arc<World>>,
    Query(whose): Query<Whose>,
) -> Result<Response, Failure> {
    let user = world
        .directory
        .by_reference(Realm::Project, whose.user_id.as_deref().unwrap_or_default())
        .ok_or_else(Failure::user_not_found)?;
    let sessions = list::alive(
        &world,
        Owner {
            api: Api::Consumer,
            number: user.number,
        },
    );
    let views: Vec<_> = sessions
        .iter()
        .map(|(number, record)| UserSessionView::new(&world, *number, record))
        .collect();
    Ok(reply::ok(json!({ "sessions": views })))
}

#[derive(Serialize)]
struct Authenticated<'a> {
    session_token: String,
    session_jwt: String,
    session: UserSessionView<'a>,
    user: UserView<'a>,
}

pub(super) async fn authenticate(
    State(world): State<Arc<World>>,
    body: Bytes,
) -> Result<Response, Failure> {
    let (number, record) = authenticate::authenticate(&world, Api::Consumer, parse(&body)?)?;
    let user = world
        .directory
        .by_number(Realm::Project, record.owner.number)
        .ok_or_else(Failure::session_not_found)?;
    Ok(reply::ok(Authenticated {
        session_token: world.session_token(Api::Consumer, number),
        session_jwt: jwt::session_jwt(&world, number, &record),
        session: UserSessionView::new(&world, number, &record),
        user: UserView::new(&world, &user),
    }))
}

pub(super) async fn revoke(
    State(world): State<Arc<World>>,
    body: Bytes,
) -> Result<Response, Failure> {
    revoke::revoke(&world, Api::Consumer, &parse(&body)?)?;
    Ok(reply::ok(json!({})))
}
