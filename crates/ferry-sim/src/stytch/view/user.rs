//! A Consumer user.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::clock::rfc3339;
use crate::directory::{Member, Status};
use crate::population::code::{Kind, uuid};
use crate::world::World;

#[derive(Debug, Serialize)]
pub(crate) struct UserView<'a> {
    user_id: String,
    emails: Vec<Email<'a>>,
    status: Status,
    phone_numbers: Vec<Phone<'a>>,
    webauthn_registrations: [(); 0],
    providers: [(); 0],
    totps: [(); 0],
    crypto_wallets: [(); 0],
    biometric_registrations: [(); 0],
    is_locked: bool,
    roles: Vec<&'a str>,
    name: Name<'a>,
    created_at: String,
    trusted_metadata: &'a Map<String, Value>,
    untrusted_metadata: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Email<'a> {
    #[serde(rename = "email_id")]
    id: String,
    #[serde(rename = "email")]
    address: &'a str,
    verified: bool,
}

#[derive(Debug, Serialize)]
struct Phone<'a> {
    #[serde(rename = "phone_id")]
    id: String,
    #[serde(rename = "phone_number")]
    number: &'a str,
    verified: bool,
}

#[derive(Debug, Serialize)]
struct Name<'a> {
    #[serde(rename = "first_name")]
    first: &'a str,
    #[serde(rename = "middle_name")]
    middle: &'static str,
    #[serde(rename = "last_name")]
    last: &'a str,
}

impl<'a> UserView<'a> {
    pub(crate) fn new(world: &World, member: &'a Member) -> Self {
        let (first, last) = member.name.split_once(' ').unwrap_or((&member.name, ""));
        let verified = member.status == Status::Active;
        let email = Email {
            id: email_id(world, member),
            address: &member.email,
            verified,
        };
        let phone = Phone {
            id: phone_id(world, member),
            number: &member.phone_number,
            verified: false,
        };
        let explicit = member.roles.iter().map(String::as_str);
        Self {
            user_id: world.directory.id(member.realm, member.number),
            emails: Some(email)
                .filter(|email| !email.address.is_empty())
                .into_iter()
                .collect(),
            status: member.status,
            phone_numbers: Some(phone)
                .filter(|phone| !phone.number.is_empty())
                .into_iter()
                .collect(),
            webauthn_registrations: [],
            providers: [],
            totps: [],
            crypto_wallets: [],
            biometric_registrations: [],
            is_locked: false,
            roles: std::iter::once("stytch_user").chain(explicit).collect(),
            name: Name {
                first,
                middle: "",
                last,
            },
            created_at: rfc3339(member.created_at),
            trusted_metadata: &member.trusted_metadata,
            untrusted_metadata: &member.untrusted_metadata,
            external_id: member.external_id.as_deref(),
        }
    }
}

/// The id of a user's address; empty if there is none.
pub(crate) fn email_id(world: &World, member: &Member) -> String {
    if member.email.is_empty() {
        return String::new();
    }
    format!(
        "email-test-{}",
        uuid(world.population.seed, Kind::Email, member.number)
    )
}

/// The id of a user's telephone number; empty if there is none.
pub(crate) fn phone_id(world: &World, member: &Member) -> String {
    if member.phone_number.is_empty() {
        return String::new();
    }
    format!(
        "phone-number-test-{}",
        uuid(world.population.seed, Kind::Phone, member.number)
    )
}
