//! UserInfo asked, the person found, the session minted.

use std::sync::Arc;

use axum::body::Bytes;
use serde::Serialize;
use serde_json::Map;
use sha2::{Digest as _, Sha256};

use super::Request;
use crate::clock::Millis;
use crate::directory::{Member, Realm, Status};
use crate::faults::Faults;
use crate::oidc;
use crate::reply;
use crate::sessions::{Api, Owner, Record};
use crate::stytch::view::{MemberSessionView, UserSessionView, UserView, WithOrganization};
use crate::stytch::{Failure, claims, duration, jwt};
use crate::world::World;

/// Carries a request out; gives the body of the reply.
pub(super) async fn mint(
    world: &Arc<World>,
    faults: &Faults,
    api: Api,
    request: Request,
) -> Result<Bytes, Failure> {
    let token = request
        .session_token
        .as_deref()
        .filter(|token| !token.is_empty())
        .ok_or_else(|| Failure::new(400, "invalid_session_token", "session_token is missing."))?;
    let terms = Terms::of(world, faults, api, &request)?;
    let realm = realm(world, faults, api, request.organization_id.as_deref())?;
    let member = find(world, realm, token).await?;
    let Some(record) = record(world, faults, &member, token, terms) else {
        return Ok(reply::framed(WithoutSession::new(world, &member)));
    };
    let number = world.sessions.mint(record.clone());
    Ok(body(world, api, &member, number, &record))
}

/// How long the session is to live, and what it is to carry. A Consumer call without a duration
/// mints nothing.
struct Terms {
    life: Option<Millis>,
    claims: Option<Box<str>>,
}

impl Terms {
    fn of(world: &World, faults: &Faults, api: Api, request: &Request) -> Result<Self, Failure> {
        let asked = request
            .session_duration_minutes
            .map(|minutes| duration::check(minutes, world.session_cap_minutes))
            .transpose()?;
        let claims = request
            .session_custom_claims
            .clone()
            .map(|given| claims::apply(Map::new(), given, faults.reserved_claims))
            .transpose()?
            // Claims are kept only if a duration was asked for.
            .filter(|claims| asked.is_some() && !claims.is_empty())
            .map(|claims| claims::text(&claims).into());
        let life = match api {
            Api::B2b => Some(asked.unwrap_or(duration::DEFAULT_SESSION)),
            Api::Consumer => asked,
        };
        Ok(Self { life, claims })
    }
}

fn realm(
    world: &World,
    faults: &Faults,
    api: Api,
    organization: Option<&str>,
) -> Result<Realm, Failure> {
    if api == Api::Consumer {
        return Ok(Realm::Project);
    }
    let reference = organization
        .filter(|reference| !reference.is_empty())
        .ok_or_else(|| {
            Failure::new(
                400,
                "invalid_organization_id",
                "organization_id is missing.",
            )
        })?;
    let number = world.organizations.by_reference(reference)?.number;
    if world
        .organizations
        .is_listed(number, &faults.suspended_organizations)
    {
        return Err(Failure::organization_suspended());
    }
    Ok(Realm::Organization(number))
}

/// The member whose address UserInfo gives. Stytch knows nothing else of the reply.
async fn find(world: &Arc<World>, realm: Realm, token: &str) -> Result<Member, Failure> {
    let email = oidc::email_of(world, token)
        .await
        .ok_or_else(Failure::unexpected_response)?;
    world
        .directory
        .by_email(realm, &email)
        .filter(|member| member.status != Status::Deleted)
        .ok_or_else(Failure::email_does_not_exist)
}

fn record(
    world: &World,
    faults: &Faults,
    member: &Member,
    token: &str,
    terms: Terms,
) -> Option<Record> {
    let now = world.clock.now();
    let life = terms.life?;
    let (api, organization) = match member.realm {
        Realm::Organization(number) => (Api::B2b, number),
        Realm::Project => (Api::Consumer, 0),
    };
    let lag = i64::try_from(faults.list_lag_ms).unwrap_or(i64::MAX / 4);
    let owner = Owner {
        api,
        number: member.number,
    };
    let hash = Sha256::digest(token.as_bytes()).into();
    Some(Record {
        legacy_session: world.population.recognise(token).map(|known| known.session),
        claims: terms.claims,
        listed_from: world.clock.wall() + lag,
        ..Record::new(owner, organization, hash, (now, now + life))
    })
}

fn body(world: &World, api: Api, member: &Member, number: u64, record: &Record) -> Bytes {
    let session_token = world.session_token(api, number);
    let session_jwt = jwt::session_jwt(world, number, record);
    match api {
        Api::B2b => reply::framed(MemberReply {
            session_token,
            session_jwt,
            member: WithOrganization::new(world, member, record.organization),
            member_session: MemberSessionView::new(world, number, record),
        }),
        Api::Consumer => reply::framed(UserReply {
            user_id: world.directory.id(member.realm, member.number),
            session_token,
            session_jwt,
            user: UserView::new(world, member),
            session: UserSessionView::new(world, number, record),
        }),
    }
}

#[derive(Serialize)]
struct MemberReply<'a> {
    session_token: String,
    session_jwt: String,
    #[serde(flatten)]
    member: WithOrganization<'a>,
    member_session: MemberSessionView<'a>,
}

#[derive(Serialize)]
struct UserReply<'a> {
    user_id: String,
    session_token: String,
    session_jwt: String,
    user: UserView<'a>,
    session: UserSessionView<'a>,
}

/// A Consumer reply without a session: the fields that the schema requires are empty.
#[derive(Serialize)]
struct WithoutSession<'a> {
    user_id: String,
    session_token: &'static str,
    session_jwt: &'static str,
    user: UserView<'a>,
}

impl<'a> WithoutSession<'a> {
    fn new(world: &World, member: &'a Member) -> Self {
        Self {
            user_id: world.directory.id(member.realm, member.number),
            session_token: "",
            session_jwt: "",
            user: UserView::new(world, member),
        }
    }
}
