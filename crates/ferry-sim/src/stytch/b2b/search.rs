//! `/v1/b2b/organizations/members/search`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::directory::Realm;
use crate::reply;
use crate::stytch::Failure;
use crate::stytch::body::parse;
use crate::stytch::search::{Metadata, Request, page_of};
use crate::stytch::view::MemberView;
use crate::world::World;

#[derive(Serialize)]
struct Found<'a> {
    members: Vec<MemberView<'a>>,
    results_metadata: Metadata,
    organizations: BTreeMap<&'a str, &'a RawValue>,
}

pub(super) async fn search(
    State(world): State<Arc<World>>,
    body: Bytes,
) -> Result<Response, Failure> {
    let request: Request = parse(&body)?;
    if request.organization_ids.is_empty() {
        return Err(Failure::new(
            400,
            "member_search_organization_ids_empty",
            "At least one organization_id is required.",
        ));
    }
    let mut numbers = Vec::new();
    for reference in &request.organization_ids {
        numbers.push(world.organizations.by_reference(reference)?.number);
    }
    numbers.sort_unstable();
    numbers.dedup();
    let realms: Vec<Realm> = numbers.iter().copied().map(Realm::Organization).collect();
    let page = page_of(&world, request, realms).await?;
    let organizations = numbers
        .iter()
        .map(|number| {
            let id = world
                .organizations
                .by_number(*number)
                .organization_id
                .as_str();
            (id, world.organizations.view(*number))
        })
        .collect();
    Ok(reply::ok(Found {
        members: page
            .found
            .iter()
            .map(|member| MemberView::new(&world, member))
            .collect(),
        results_metadata: page.metadata,
        organizations,
    }))
}
