//! UserInfo: whose token is this?

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::json;

use super::bucket::Allowance;
use crate::draw::{below, draw, happens};
use crate::faults::{Fault, Faults};
use crate::gate::{CallNumber, wait};
use crate::population::Person;
use crate::reply;
use crate::world::World;

/// What UserInfo says of a person.
pub(super) struct Claims {
    pub(super) email: String,
    person: Person,
    allowance: Option<Allowance>,
}

/// Why UserInfo says nothing.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refusal {
    Outage,
    NoToken,
    Unknown,
    Expired,
    Revoked,
    PersonLimit(Allowance),
    TenantLimit,
}

pub(super) async fn userinfo(
    State(world): State<Arc<World>>,
    axum::Extension(CallNumber(call)): axum::Extension<CallNumber>,
    headers: HeaderMap,
) -> Response {
    let faults = world.faults();
    wait(faults.userinfo_latency_ms).await;
    match bearer(&headers)
        .ok_or(Refusal::NoToken)
        .and_then(|token| claims(&world, &faults, call, token))
    {
        Ok(claims) => shown(&claims),
        Err(refusal) => refused(&world, refusal),
    }
}

/// What UserInfo would answer to the `call`-th call.
pub(super) fn claims(
    world: &World,
    faults: &Faults,
    call: u64,
    token: &str,
) -> Result<Claims, Refusal> {
    if faults.befalls(faults.userinfo_outage, Fault::UserinfoOutage, call) {
        return Err(Refusal::Outage);
    }
    if !world
        .provider
        .tenant
        .admit(faults.userinfo_per_second, world.clock.wall() / 1000)
    {
        return Err(Refusal::TenantLimit);
    }
    let population = &world.population;
    let known = population.recognise(token).ok_or(Refusal::Unknown)?;
    let now = world.clock.now();
    if i64::try_from(known.expires_at).is_ok_and(|expires_at| expires_at <= now / 1000) {
        return Err(Refusal::Expired);
    }
    let person = population.owner_of(known.session);
    let changed = world.directory.changes_of(person);
    let logged_out = changed
        .as_ref()
        .and_then(|change| change.logged_out)
        .unwrap_or(false);
    if logged_out || world.provider.is_revoked(population, known.session) {
        return Err(Refusal::Revoked);
    }
    let allowance = faults
        .userinfo_person_limit
        .then(|| world.provider.buckets.take(person, now));
    if let Some(allowance) = allowance.filter(|allowance| !allowance.is_within) {
        return Err(Refusal::PersonLimit(allowance));
    }
    let person = population.person(person);
    let email = changed
        .and_then(|change| change.userinfo_email)
        .or_else(|| somebody_else(world, faults, &person))
        .unwrap_or_else(|| person.email.clone());
    Ok(Claims {
        email,
        person,
        allowance,
    })
}

/// The address of somebody else in the same organization, for those whose identity is wrong.
fn somebody_else(world: &World, faults: &Faults, person: &Person) -> Option<String> {
    let drawn = draw(faults.seed, Fault::WrongIdentity as u64, person.number);
    if !happens(faults.wrong_identity, drawn)
        && !faults.wrong_identity_subjects.contains(&person.subject)
    {
        return None;
    }
    let population = &world.population;
    let people = population.people();
    let start = below(people, drawn.rotate_left(17));
    (0..people.min(LOOKED_AT))
        .map(|step| (start + step) % people)
        .filter(|number| *number != person.number && population.is_member(*number))
        .map(|number| population.person(number))
        .find(|other| other.organization == person.organization)
        .map(|other| other.email)
}

/// The token of an `Authorization` header. The scheme's case is free.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

fn shown(claims: &Claims) -> Response {
    let person = &claims.person;
    let mut reply = json!({
        "sub": person.subject,
        "name": person.name,
        "nickname": person.name.split(' ').next(),
        "updated_at": "2025-01-01T00:00:00.000Z",
    });
    if !claims.email.is_empty() {
        reply["email"] = claims.email.as_str().into();
        reply["email_verified"] = true.into();
    }
    with_allowance(reply::plain(StatusCode::OK, &reply), claims.allowance)
}

fn refused(world: &World, refusal: Refusal) -> Response {
    let (status, error, description) = match refusal {
        Refusal::Outage => (
            503,
            "temporarily_unavailable",
            "The service is unavailable.",
        ),
        Refusal::NoToken => (401, "invalid_request", "There is no bearer token."),
        Refusal::Unknown => (401, "invalid_token", "The access token is unknown."),
        Refusal::Expired => (401, "invalid_token", "The access token has expired."),
        Refusal::Revoked => (401, "invalid_token", "The access token was revoked."),
        Refusal::PersonLimit(_) => (
            429,
            "too_many_requests",
            "You passed the limit of allowed calls to /userinfo with the same user.",
        ),
        Refusal::TenantLimit => (429, "too_many_requests", "Global limit has been reached."),
    };
    let status = StatusCode::from_u16(status).expect("they are written above");
    let body = json!({ "error": error, "error_description": description });
    let mut response = reply::noted(reply::plain(status, &body), refusal.outcome());
    if status == StatusCode::UNAUTHORIZED {
        let challenge = format!(r#"Bearer error="{error}", error_description="{description}""#);
        let challenge = HeaderValue::try_from(challenge).expect("they are written above");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
    }
    match refusal {
        Refusal::PersonLimit(allowance) => with_allowance(response, Some(allowance)),
        Refusal::TenantLimit => with_allowance(response, Some(tenant_allowance(world))),
        _ => response,
    }
}

fn tenant_allowance(world: &World) -> Allowance {
    Allowance {
        is_within: false,
        limit: world.faults().userinfo_per_second.unwrap_or_default(),
        remaining: 0,
        reset: world.clock.wall() / 1000 + 1,
    }
}

/// Auth0's headers.
fn with_allowance(mut response: Response, allowance: Option<Allowance>) -> Response {
    if let Some(allowance) = allowance {
        let headers = response.headers_mut();
        headers.insert("x-ratelimit-limit", allowance.limit.into());
        headers.insert("x-ratelimit-remaining", allowance.remaining.into());
        headers.insert("x-ratelimit-reset", allowance.reset.into());
    }
    response
}

impl Refusal {
    /// What the audit notes.
    pub(super) fn outcome(self) -> &'static str {
        match self {
            Self::Outage => "outage",
            Self::NoToken => "no_token",
            Self::Unknown => "unknown_token",
            Self::Expired => "expired_token",
            Self::Revoked => "revoked_token",
            Self::PersonLimit(_) => "person_limit",
            Self::TenantLimit => "tenant_limit",
        }
    }
}

/// How many people are looked at for somebody else; beyond that the organization is as good as
/// theirs alone.
const LOOKED_AT: u64 = 10_000;
