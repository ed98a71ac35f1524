//! Whom Stytch knows: the population, and what was changed or created since.

mod change;
mod member;

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

pub use change::PersonChange;
pub use member::Status as MemberStatus;
pub(crate) use member::{Member, Realm, Status};

use crate::population::Population;
use crate::population::code::{Kind, number_of_uuid, uuid};

/// Members and users. People of the population are computed; the rest is kept.
#[derive(Debug)]
pub(crate) struct Directory {
    population: Population,
    overlay: RwLock<Overlay>,
}

#[derive(Debug, Default)]
struct Overlay {
    created: HashMap<u64, Member>,
    by_email: HashMap<(Realm, String), u64>,
    by_external_id: HashMap<(Realm, String), u64>,
    changes: HashMap<u64, PersonChange>,
}

/// Why a member was not created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duplicate {
    Email,
    ExternalId,
}

impl Directory {
    pub(crate) fn new(population: Population) -> Self {
        Self {
            population,
            overlay: RwLock::default(),
        }
    }

    /// The member with this address, however it is written.
    pub(crate) fn by_email(&self, realm: Realm, email: &str) -> Option<Member> {
        self.overlay()
            .by_email(&self.population, realm, &folded(email))
    }

    /// The member with this id or external id.
    pub(crate) fn by_reference(&self, realm: Realm, reference: &str) -> Option<Member> {
        let overlay = self.overlay();
        if let Some(number) = overlay.by_external_id.get(&(realm, reference.to_owned())) {
            return overlay.created.get(number).cloned();
        }
        let number = self
            .number_of_id(realm, reference)
            .or_else(|| self.population.person_by_subject(reference))?;
        overlay.by_number(&self.population, realm, number)
    }

    pub(crate) fn by_number(&self, realm: Realm, number: u64) -> Option<Member> {
        self.overlay().by_number(&self.population, realm, number)
    }

    /// The number of the member with this id, in whatever organization.
    pub(crate) fn number_of_member(&self, id: &str) -> Option<u64> {
        self.number_of_id(Realm::Organization(0), id)
            .or_else(|| self.population.person_by_subject(id))
    }

    /// Stytch's id of a member or user.
    pub(crate) fn id(&self, realm: Realm, number: u64) -> String {
        match realm {
            Realm::Organization(_) => {
                format!(
                    "member-test-{}",
                    uuid(self.population.seed, Kind::Member, number)
                )
            }
            Realm::Project => format!(
                "user-test-{}",
                uuid(self.population.seed, Kind::User, number)
            ),
        }
    }

    /// Adds a member; gives it a number of its own.
    pub(crate) fn create(&self, mut member: Member) -> Result<Member, Duplicate> {
        let mut overlay = self.overlay.write().unwrap_or_else(PoisonError::into_inner);
        let email = folded(&member.email);
        if !email.is_empty()
            && overlay
                .by_email(&self.population, member.realm, &email)
                .is_some()
        {
            return Err(Duplicate::Email);
        }
        if let Some(external_id) = member.external_id.clone() {
            let key = (member.realm, external_id);
            let person = self.population.person_by_subject(&key.1);
            let taken = person.is_some_and(|number| {
                overlay
                    .by_number(&self.population, member.realm, number)
                    .is_some()
            });
            if taken || overlay.by_external_id.contains_key(&key) {
                return Err(Duplicate::ExternalId);
            }
        }
        let created = u64::try_from(overlay.created.len()).expect("a usize is a u64");
        member.number = CREATED | created;
        if !email.is_empty() {
            overlay
                .by_email
                .insert((member.realm, email), member.number);
        }
        if let Some(external_id) = &member.external_id {
            overlay
                .by_external_id
                .insert((member.realm, external_id.clone()), member.number);
        }
        overlay.created.insert(member.number, member.clone());
        Ok(member)
    }

    /// Applies a change to a person of the population, by legacy subject; whether there is one.
    pub(crate) fn change(&self, subject: &str, change: PersonChange) -> bool {
        let Some(number) = self.population.person_by_subject(subject) else {
            return false;
        };
        let person = self.population.person(number);
        let mut overlay = self.overlay.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(email) = &change.stytch_email {
            let email = folded(email);
            for realm in [Realm::Organization(person.organization), Realm::Project] {
                overlay
                    .by_email
                    .retain(|(known, _), owner| *known != realm || *owner != number);
                overlay.by_email.insert((realm, email.clone()), number);
            }
        }
        overlay.changes.entry(number).or_default().merge(change);
        true
    }

    /// What was changed about a person since the simulator started.
    pub(crate) fn changes_of(&self, person: u64) -> Option<PersonChange> {
        self.overlay().changes.get(&person).cloned()
    }

    /// Everybody in a realm: the population first, then those created, one after the other.
    pub(crate) fn everybody(&self, realm: Realm) -> impl Iterator<Item = Member> + '_ {
        let overlay = self.overlay();
        let mut created: Vec<Member> = overlay
            .created
            .values()
            .filter(|member| member.realm == realm)
            .cloned()
            .collect();
        created.sort_by_key(|member| member.number);
        (0..self.population.people())
            .filter_map(move |number| overlay.by_number(&self.population, realm, number))
            .chain(created)
    }

    fn number_of_id(&self, realm: Realm, id: &str) -> Option<u64> {
        let seed = self.population.seed;
        match realm {
            Realm::Organization(_) => {
                number_of_uuid(seed, Kind::Member, id.strip_prefix("member-test-")?)
            }
            Realm::Project => number_of_uuid(seed, Kind::User, id.strip_prefix("user-test-")?),
        }
    }

    fn overlay(&self) -> RwLockReadGuard<'_, Overlay> {
        self.overlay.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Overlay {
    fn by_email(&self, population: &Population, realm: Realm, email: &str) -> Option<Member> {
        if !self.by_email.is_empty()
            && let Some(number) = self.by_email.get(&(realm, email.to_owned()))
        {
            return self.by_number(population, realm, *number);
        }
        let person = population.person_by_email(email)?;
        self.person(population, realm, person)
            .filter(|member| member.email == email)
    }

    fn by_number(&self, population: &Population, realm: Realm, number: u64) -> Option<Member> {
        if number & CREATED != 0 {
            return self
                .created
                .get(&number)
                .filter(|member| member.realm == realm)
                .cloned();
        }
        if number >= population.people() {
            return None;
        }
        self.person(population, realm, population.person(number))
    }

    /// A person of the population as Stytch knows them in this realm, if it does.
    fn person(
        &self,
        population: &Population,
        realm: Realm,
        person: crate::population::Person,
    ) -> Option<Member> {
        let change = self.changes.get(&person.number);
        let known = change
            .and_then(|change| change.member_exists)
            .unwrap_or_else(|| population.is_member(person.number));
        let here = match realm {
            Realm::Organization(organization) => organization == person.organization,
            Realm::Project => true,
        };
        if !known || !here {
            return None;
        }
        let mut member = Member::of_person(realm, person);
        if let Some(change) = change {
            member.apply(change);
        }
        Some(member)
    }
}

/// How addresses are compared.
pub(crate) fn folded(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Set in the number of everybody who is not of the population.
const CREATED: u64 = 1 << 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn alice(realm: Realm) -> Member {
        Member::new(realm, "alice@example.com".to_owned(), 0)
    }

    #[test]
    fn a_person_is_found_by_id_external_id_and_email_in_their_organization_only() {
        let population = Population::realistic(50, 2);
        let person = population.person(4);
        let (here, elsewhere) = (
            Realm::Organization(person.organization),
            Realm::Organization(person.organization + 1),
        );
        let directory = Directory::new(Population {
            member_missing: 0.0,
            ..population
        });
        let id = directory.id(here, 4);
        for reference in [&id, &person.subject] {
            assert_eq!(
                directory
                    .by_reference(here, reference)
                    .map(|found| found.number),
                Some(4)
            );
            assert!(directory.by_reference(elsewhere, reference).is_none());
        }
        let shouted = format!(" {} ", person.email.to_uppercase());
        assert_eq!(
            directory.by_email(here, &shouted).map(|found| found.number),
            Some(4)
        );
        assert!(directory.by_email(elsewhere, &person.email).is_none());
    }

    #[test]
    fn a_second_member_with_the_same_address_or_external_id_is_refused() {
        let directory = Directory::new(Population::new(5, 2));
        let realm = Realm::Organization(0);
        directory.create(alice(realm)).expect("she is the first");
        assert_eq!(directory.create(alice(realm)), Err(Duplicate::Email));
        let subject = Population::new(5, 2).person(0).subject;
        let mut impostor = Member::new(realm, "mallory@example.com".to_owned(), 0);
        impostor.external_id = Some(subject);
        assert_eq!(directory.create(impostor), Err(Duplicate::ExternalId));
    }

    #[test]
    fn a_changed_address_is_found_and_the_old_one_is_not() {
        let population = Population::new(5, 2);
        let bob = population.person(1);
        let realm = Realm::Organization(0);
        let directory = Directory::new(population);
        let change = PersonChange {
            stytch_email: Some("bob@new.example".to_owned()),
            ..Default::default()
        };
        assert!(directory.change(&bob.subject, change));
        assert!(directory.by_email(realm, &bob.email).is_none());
        assert_eq!(
            directory
                .by_email(realm, "BOB@new.example")
                .map(|found| found.number),
            Some(1)
        );
    }
}
