//! Who the people are: names, addresses and devices, computed from a number.

use super::Population;
use super::code::{Kind, uuid};
use crate::draw::{below, draw, mix};

/// An organization, at the legacy provider and at Stytch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its number, from 0.
    pub number: u32,
    /// Stytch's id of it.
    pub organization_id: String,
    /// Its slug at Stytch.
    pub slug: String,
    /// The id that the application itself uses; Stytch knows it as the external id.
    pub external_id: String,
    /// The name that people read.
    pub name: String,
}

/// A person: one user at the legacy provider, one member (or Consumer user) at Stytch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The person's number, from 0.
    pub number: u64,
    /// The number of the person's organization.
    pub organization: u32,
    /// The legacy provider's id of the person; Stytch knows it as the external id.
    pub subject: String,
    /// The address by which Stytch finds the member.
    pub email: String,
    /// First and last name.
    pub name: String,
}

pub(super) fn organization(population: &Population, number: u32) -> Organization {
    let word = pick(&COMPANIES, mix(u64::from(number)));
    Organization {
        number,
        organization_id: format!(
            "organization-test-{}",
            uuid(population.seed, Kind::Organization, number.into())
        ),
        slug: format!("{word}-{number}"),
        external_id: format!("org_{word}{number}"),
        name: format!("{} {number}", capital(word)),
    }
}

pub(super) fn person(population: &Population, number: u64) -> Person {
    let organization = organization_of(population, number);
    let names = draw(population.seed, NAMES, number);
    let first = pick(&FIRST_NAMES, names);
    let last = pick(&LAST_NAMES, mix(names));
    let company = pick(&COMPANIES, mix(u64::from(organization)));
    Person {
        number,
        organization,
        subject: subject(population.seed, number),
        email: format!("{first}.{last}.{number}@{company}-{organization}.example"),
        name: format!("{} {}", capital(first), capital(last)),
    }
}

/// Some organizations are large and many are small, as in life: the square of a uniform draw.
fn organization_of(population: &Population, number: u64) -> u32 {
    let uniform = draw(population.seed, ORGANIZATION_OF, number);
    let squared = below(uniform, uniform);
    u32::try_from(below(u64::from(population.organizations.max(1)), squared))
        .expect("a number below a u32 is a u32")
}

/// Auth0's form: the connection, then 24 hexadecimal digits.
fn subject(seed: u64, number: u64) -> String {
    let check = draw(seed, Kind::Subject as u64, number) >> 32;
    format!("auth0|{check:08x}{:016x}", number ^ mix(check))
}

/// The number that [`subject`] put there, if this is one of ours.
pub(super) fn number_of_subject(seed: u64, text: &str) -> Option<u64> {
    let digits = text
        .strip_prefix("auth0|")
        .filter(|digits| digits.len() == 24)?;
    let check = u64::from_str_radix(digits.get(..8)?, 16).ok()?;
    let number = u64::from_str_radix(digits.get(8..)?, 16).ok()? ^ mix(check);
    (subject(seed, number) == text).then_some(number)
}

/// The number in an address, not yet checked.
pub(super) fn number_in_email(email: &str) -> Option<u64> {
    let (local, _) = email.split_once('@')?;
    local.rsplit('.').next()?.parse().ok()
}

pub(super) fn device(number: u64) -> &'static str {
    pick(&DEVICES, mix(number))
}

fn pick(list: &'static [&'static str], drawn: u64) -> &'static str {
    let length = u64::try_from(list.len()).expect("a list is shorter than u64");
    list[usize::try_from(below(length, drawn)).expect("an index below a length is a usize")]
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// Salts of draws that belong to no code.
const NAMES: u64 = 101;
const ORGANIZATION_OF: u64 = 102;

const FIRST_NAMES: [&str; 32] = [
    "ada", "alan", "amara", "anna", "arjun", "barbara", "chen", "dana", "edsger", "elif", "emmy",
    "fatima", "grace", "hana", "ines", "ivan", "jose", "kofi", "lea", "linus", "maria", "mei",
    "niklaus", "nora", "olu", "omar", "priya", "radia", "sofia", "tomas", "yuki", "zoe",
];

const LAST_NAMES: [&str; 32] = [
    "abebe", "bauer", "castro", "diaz", "eriksen", "fischer", "garcia", "hopper", "ito", "jansen",
    "kowalski", "lovelace", "mensah", "nakamura", "noether", "okafor", "patel", "perlman",
    "quispe", "rossi", "schmidt", "silva", "tanaka", "turing", "ueda", "vargas", "wagner", "wirth",
    "xu", "yilmaz", "zhang", "zuse",
];

const COMPANIES: [&str; 16] = [
    "acme",
    "beacon",
    "cobalt",
    "delta",
    "ember",
    "fjord",
    "globex",
    "harbor",
    "initech",
    "juniper",
    "kestrel",
    "lumen",
    "mosaic",
    "northwind",
    "orchard",
    "pinnacle",
];

const DEVICES: [&str; 8] = [
    "iPhone",
    "Pixel",
    "MacBook",
    "ThinkPad",
    "iPad",
    "Windows desktop",
    "Linux desktop",
    "Galaxy",
];
