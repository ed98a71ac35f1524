//! Stytch is asked for the sessions of each member.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use ferry_core::outcome::CallOutcome;
use ferry_core::state::MappingState;
use ferry_ledger::Ledger;
use ferry_ledger::mappings::Mapping;
use ferry_stytch::{Client, Failure, ListedSession};
use ferry_worker::limiter::Limiter;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::found::{Fault, Found};
use crate::exit::{Coded, Exit};
use crate::progress::Counted;

/// Calls in flight at once: enough for Stytch's usual rate of 100/s at 100 ms each.
const IN_FLIGHT: usize = 10;
/// A member is asked for so often before it counts as not answered.
const TRIES: u32 = 4;
/// The first pause between two tries; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// A longer wait that Stytch asks for is not waited for.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// Stytch rounds to seconds, and extends nothing by itself.
const EARLY_MILLIS: i64 = 60_000;

/// Whose rate the calls are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// The share that is kept for look-ups.
    Share,
    /// All of it.
    Whole,
}

/// Asks Stytch.
#[derive(Debug)]
pub(super) struct Asker {
    ledger: Ledger,
    line: Arc<Line>,
}

/// To Stytch, within its rate.
#[derive(Debug)]
struct Line {
    stytch: Client,
    limiter: Arc<Limiter>,
    pace: Pace,
}

/// What Stytch said of a member.
enum Answer {
    Sessions(Vec<ListedSession>),
    /// It knows no such member, or no such organization.
    NoMember,
    None,
}

/// Its Stytch session is to be alive.
pub(super) fn is_in_force(mapping: &Mapping, ledger: &Ledger) -> bool {
    matches!(mapping.state, MappingState::Live | MappingState::Claimed)
        && mapping.expires_at > ledger.now()
}

impl Asker {
    pub(super) fn new(ledger: Ledger, stytch: Client, limiter: Arc<Limiter>, pace: Pace) -> Self {
        let line = Arc::new(Line {
            stytch,
            limiter,
            pace,
        });
        Self { ledger, line }
    }

    /// Asks for these, one call a member, until told to stop.
    pub(super) async fn ask(
        &self,
        mappings: Vec<Mapping>,
        stop: &CancellationToken,
        (found, progress): (&mut Found, &Counted),
    ) -> Result<()> {
        let mut calls = JoinSet::new();
        for (member, mappings) in by_member(mappings) {
            if calls.len() >= IN_FLIGHT {
                progress.add(self.take_in(calls.join_next().await, found).await?);
            }
            if stop.is_cancelled() {
                break;
            }
            let line = Arc::clone(&self.line);
            calls.spawn(async move { (line.sessions(&member).await, mappings) });
        }
        while !calls.is_empty() {
            progress.add(self.take_in(calls.join_next().await, found).await?);
        }
        Ok(())
    }

    /// How many mappings that was of.
    async fn take_in(&self, call: Option<Joined>, found: &mut Found) -> Result<u64> {
        let Some(call) = call else { return Ok(0) };
        let (answer, mappings) = call?;
        let answer = answer?;
        let count = mappings.len() as u64;
        for mapping in mappings {
            match judge(&mapping, &answer) {
                Judgement::Alive => found.alive(),
                Judgement::NotAnswered => found.not_answered(),
                // It may have ended, or been claimed and left, since it was read.
                Judgement::Wrong(fault) => match self.again(&mapping).await? {
                    Some(mapping) => found.wrong(fault, &mapping),
                    None => found.over(),
                },
            }
        }
        Ok(count)
    }

    /// The mapping as it is now, if it is still in force.
    async fn again(&self, mapping: &Mapping) -> Result<Option<Mapping>> {
        let now = self.ledger.mapping(mapping.legacy_key).await?;
        Ok(now.filter(|now| {
            now.member_session_id == mapping.member_session_id && is_in_force(now, &self.ledger)
        }))
    }
}

type Joined = Result<(Result<Answer>, Vec<Mapping>), tokio::task::JoinError>;

/// Organization and member.
type Member = (String, String);

fn by_member(mappings: Vec<Mapping>) -> HashMap<Member, Vec<Mapping>> {
    let mut members: HashMap<Member, Vec<Mapping>> = HashMap::new();
    for mapping in mappings {
        let organization = mapping.organization_id.clone().unwrap_or_default();
        let member = (organization, mapping.member_id.clone());
        members.entry(member).or_default().push(mapping);
    }
    members
}

enum Judgement {
    Alive,
    NotAnswered,
    Wrong(Fault),
}

fn judge(mapping: &Mapping, answer: &Answer) -> Judgement {
    let sessions = match answer {
        Answer::Sessions(sessions) => sessions,
        Answer::NoMember => return Judgement::Wrong(Fault::MemberGone),
        Answer::None => return Judgement::NotAnswered,
    };
    let session = sessions
        .iter()
        .find(|session| session.member_session_id == mapping.member_session_id);
    match session {
        None => Judgement::Wrong(Fault::NotAlive),
        Some(session)
            if session.expires_at.as_millis().saturating_add(EARLY_MILLIS)
                < mapping.expires_at.as_millis() =>
        {
            Judgement::Wrong(Fault::EndsEarly)
        }
        Some(_) => Judgement::Alive,
    }
}

impl Line {
    /// The member's sessions. An error: nobody need be asked any more.
    async fn sessions(&self, (organization, member): &Member) -> Result<Answer> {
        let mut pause = FIRST_PAUSE;
        for _ in 0..TRIES {
            match self.list(organization, member).await {
                Some(Ok(sessions)) => return Ok(Answer::Sessions(sessions)),
                Some(Err(failure)) => match &failure {
                    Failure::Refused(refusal) if refusal.status == 404 => {
                        return Ok(Answer::NoMember);
                    }
                    Failure::Refused(refusal) if matches!(refusal.status, 401 | 403) => {
                        return Err(anyhow!("{failure}").context(Coded(Exit::Paused)));
                    }
                    failure => {
                        tracing::debug!(%failure, "a member's sessions were not listed");
                        if let Failure::Refused(refusal) = failure {
                            pause = refusal.retry_after.unwrap_or(pause).max(pause);
                        }
                    }
                },
                // The rate is booked out, or the ledger away.
                None => {}
            }
            if pause > LONGEST_PAUSE {
                break;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Ok(Answer::None)
    }

    /// One call; `None` if it has no permit.
    async fn list(
        &self,
        organization: &str,
        member: &str,
    ) -> Option<Result<Vec<ListedSession>, Failure>> {
        if self.pace == Pace::Share {
            self.limiter.reserved().await.ok()?;
            return Some(self.stytch.list_sessions(organization, member).await);
        }
        let permit = self.limiter.bulk(1, Duration::ZERO).await.pop()?;
        let evidence = permit.opened().await.leave();
        let listed = self.stytch.list_sessions(organization, member).await;
        if let Err(Failure::Refused(refusal)) = &listed {
            let outcome = CallOutcome::Refused(refusal.clone());
            self.limiter.answered(evidence, &outcome);
        }
        Some(listed)
    }
}
