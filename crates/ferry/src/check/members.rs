//! Whether the people of an export are members of their organizations, by paging through these.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::Result;
use ferry_core::failure::{Judgement, judge};
use ferry_core::reason::DeadReason;
use ferry_stytch::{Client, Failure, MemberPage};
use governor::{DefaultDirectRateLimiter, Quota};

use super::Code;
use super::report::Area;
use super::rows::{People, Rows, by_email, by_external_id};
use crate::config::Config;
use crate::shape::{self, counted, grouped};

/// Stytch allows 100 searches a minute, counted from minute to minute: so no minute sees more than
/// 96, and some are left for others.
const BETWEEN_SEARCHES: Duration = Duration::from_millis(630);
/// Organizations asked for at once.
const ORGANIZATIONS_PER_SEARCH: usize = 50;
/// How often a call is made that is told to wait, or not answered.
const TRIES: u32 = 4;
/// How long it waits if nobody says how long, and at the most.
const WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// Searches between two lines that tell how far it is.
const TELL_EVERY: u64 = 50;
/// Rows that are named.
const EXAMPLES: usize = 5;

struct Desk<'a> {
    client: &'a Client,
    calls: Option<DefaultDirectRateLimiter>,
    searches: DefaultDirectRateLimiter,
    searched: u64,
}

/// Organizations that Stytch does not know: how many, their people, and the first rows of some.
#[derive(Default)]
struct Unknown {
    organizations: u64,
    people: u64,
    rows: Vec<u64>,
}

pub(super) async fn look(client: &Client, config: &Config, rows: Rows) -> Result<Area> {
    let every = |period| {
        let quota = Quota::with_period(period).map(|quota| quota.allow_burst(NonZeroU32::MIN));
        quota.map(DefaultDirectRateLimiter::direct)
    };
    let rate = config.rates.in_force()?.stytch;
    let mut desk = Desk {
        client,
        calls: rate.and_then(|rate| every(rate.spacing())),
        searches: every(BETWEEN_SEARCHES).expect("longer than nothing"),
        searched: 0,
    };
    let (people, nameless): (u64, u64) = (
        rows.people.values().map(|people| people.len() as u64).sum(),
        rows.nameless,
    );
    Ok(match desk.join(rows.people).await {
        Ok((missing, unknown)) => judged(people, nameless, missing, &unknown),
        Err(failure) => Area::new("members").with(Code::MembersUnknown, failure.to_string()),
    })
}

fn judged(people: u64, nameless: u64, mut missing: Vec<u64>, unknown: &Unknown) -> Area {
    let found = people - missing.len() as u64 - unknown.people;
    let nameless = match nameless {
        0 => String::new(),
        count => format!("; {} name nobody", counted(count, "session")),
    };
    let told = format!(
        "{} of {} are there{nameless}",
        grouped(found),
        grouped(people)
    );
    let mut area = Area::new("members").told(told);
    if unknown.organizations > 0 {
        let cause = format!(
            "{} not known to Stytch, with {}, e.g. row {}",
            counted(unknown.organizations, "organization"),
            shape::people(unknown.people),
            list(&unknown.rows)
        );
        area = area.with(Code::OrganizationsMissing, cause);
    }
    if !missing.is_empty() {
        missing.sort_unstable();
        let cause = format!(
            "{} not among the members of their organizations, e.g. row {}",
            shape::people(missing.len() as u64),
            list(&missing)
        );
        area = area.with(Code::MembersMissing, cause);
    }
    area
}

fn list(rows: &[u64]) -> String {
    let rows: Vec<_> = rows
        .iter()
        .take(EXAMPLES)
        .map(ToString::to_string)
        .collect();
    rows.join(", ")
}

impl Desk<'_> {
    /// The first rows of people who are missing, and the organizations that are.
    async fn join(
        &mut self,
        people: HashMap<String, People>,
    ) -> Result<(Vec<u64>, Unknown), Failure> {
        let mut known: HashMap<String, People> = HashMap::new();
        let mut unknown = Unknown::default();
        for (name, people) in people {
            match self.organization(&name).await? {
                // Two names may be one organization's.
                Some(id) => known.entry(id).or_default().extend(people),
                None => unknown.add(&people),
            }
        }
        let ids: Vec<String> = known.keys().cloned().collect();
        for ids in ids.chunks(ORGANIZATIONS_PER_SEARCH) {
            self.strike_out(ids, &mut known).await?;
        }
        let missing = known.into_values().flat_map(People::into_values).collect();
        unknown.rows.sort_unstable();
        Ok((missing, unknown))
    }

    async fn organization(&self, name: &str) -> Result<Option<String>, Failure> {
        let mut tries = 0;
        loop {
            if let Some(calls) = &self.calls {
                calls.until_ready().await;
            }
            match self.client.organization(name).await {
                Ok(organization) => return Ok(Some(organization.organization_id)),
                Err(Failure::Refused(refusal))
                    if judge(&refusal) == Judgement::Session(DeadReason::OrganizationMissing) =>
                {
                    return Ok(None);
                }
                Err(failure) => pause(failure, &mut tries).await?,
            }
        }
    }

    /// Strikes out who is a member of these organizations.
    async fn strike_out(
        &mut self,
        ids: &[String],
        people: &mut HashMap<String, People>,
    ) -> Result<(), Failure> {
        let mut cursor = None;
        loop {
            let page = self.page(ids, cursor.as_deref()).await?;
            for member in &page.members {
                let Some(people) = people.get_mut(&member.organization_id) else {
                    continue;
                };
                people.remove(&by_email(&member.email_address));
                if let Some(id) = &member.external_id {
                    people.remove(&by_external_id(id));
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    async fn page(&mut self, ids: &[String], cursor: Option<&str>) -> Result<MemberPage, Failure> {
        let mut tries = 0;
        loop {
            self.searches.until_ready().await;
            match self.client.search_members(ids, cursor).await {
                Ok(page) => {
                    self.searched += 1;
                    if self.searched.is_multiple_of(TELL_EVERY) {
                        tracing::info!(searches = self.searched, "looking for members");
                    }
                    return Ok(page);
                }
                Err(failure) => pause(failure, &mut tries).await?,
            }
        }
    }
}

impl Unknown {
    fn add(&mut self, people: &People) {
        self.organizations += 1;
        self.people += people.len() as u64;
        self.rows.extend(people.values().min());
    }
}

/// Waits as long as is asked for, if it may be over by itself.
async fn pause(failure: Failure, tries: &mut u32) -> Result<(), Failure> {
    *tries += 1;
    let wait = match &failure {
        Failure::Refused(refusal) if matches!(refusal.status, 429 | 500..) => refusal.retry_after,
        Failure::Refused(_) => return Err(failure),
        Failure::NotSent { .. } | Failure::Unanswered(_) => None,
    };
    if *tries >= TRIES {
        return Err(failure);
    }
    tokio::time::sleep(wait.unwrap_or(WAIT).min(LONGEST_WAIT)).await;
    Ok(())
}
