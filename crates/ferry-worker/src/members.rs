//! Creates members that are missing at Stytch, each person once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use ferry_core::breaker::{BreakerState, Health};
use ferry_core::decide::{Creation, Decision, decide_after_creation};
use ferry_core::outcome::{CallOutcome, NotSent};
use ferry_ledger::claim::Lease;
use ferry_stytch::{Created, NewMember};
use rand::Rng;
use tokio::sync::OnceCell;

use crate::attempt::{OUTAGE_STEP, attempted};
use crate::settings::Tools;

/// The members that are being created by this process. What another process creates is there
/// already, which is as good.
#[derive(Debug, Default)]
pub struct Members {
    under_way: Mutex<HashMap<Person, Arc<OnceCell<Creation>>>>,
}

/// A person in an organization, as far as one row tells them from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Person {
    organization: String,
    /// Case-folded.
    email: String,
}

/// If the attempt came to nothing because a member is missing, creates it, if Ferry is to. What is
/// to be recorded is then of the creation, when that failed.
pub(crate) async fn supply(
    (outcome, decision): (CallOutcome, Decision),
    lease: &Lease,
    tools: &Tools,
    rng: &mut (impl Rng + Send),
) -> (CallOutcome, Decision) {
    let (retry, session) = (&tools.settings.retry, attempted(lease));
    let (Some(members), Some(email)) = (&tools.members, &lease.facts.email) else {
        return (outcome, decision);
    };
    if !decision.is_of_a_missing_member(&session, retry) {
        return (outcome, decision);
    }
    let creation = members.create(email.trim(), lease, tools).await;
    let mut decision = decide_after_creation(&creation, &session, retry, tools.ledger.now(), rng);
    if tools.breaker.state() != BreakerState::Closed {
        decision = decision.in_outage(retry.wait(OUTAGE_STEP, rng));
    }
    match creation {
        Creation::Failed(failure) => (failure, decision),
        Creation::Created | Creation::AlreadyThere => (outcome, decision),
    }
}

impl Members {
    /// Several sessions of one person wait for the same call.
    async fn create(&self, email: &str, lease: &Lease, tools: &Tools) -> Creation {
        let person = Person {
            organization: lease.organization.clone(),
            email: email.to_lowercase(),
        };
        let cell = Arc::clone(self.under_way().entry(person.clone()).or_default());
        let creation = cell.get_or_init(|| call(email, lease, tools)).await.clone();
        let mut under_way = self.under_way();
        if under_way
            .get(&person)
            .is_some_and(|own| Arc::ptr_eq(own, &cell))
        {
            under_way.remove(&person);
        }
        creation
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<Person, Arc<OnceCell<Creation>>>> {
        self.under_way
            .lock()
            .expect("nothing panics while it holds the map")
    }
}

/// One call, within Stytch's rate, unless the breaker holds it back or the lease is too short.
async fn call(email: &str, lease: &Lease, tools: &Tools) -> Creation {
    let not_sent = |why| Creation::Failed(CallOutcome::NotSent(why));
    let Some(admitted) = tools.breaker.admit(1).ok().and_then(|mut one| one.pop()) else {
        return not_sent(NotSent::Unreachable);
    };
    let Some(permit) = tools.permit_within(lease).await else {
        return not_sent(NotSent::LeaseTooShort);
    };
    let evidence = permit.leave();
    let new = NewMember {
        organization: &lease.organization,
        email,
        name: lease.facts.name.as_deref(),
        external_id: lease.facts.external_id.as_deref(),
    };
    let (creation, health) = match tools.stytch.create_member(&new).await {
        Ok(created) => {
            tracing::debug!(session.id = %lease.session, ?created, "a missing member is there now");
            let creation = match created {
                Created::New => Creation::Created,
                Created::AlreadyThere => Creation::AlreadyThere,
            };
            (creation, Health::Answered)
        }
        Err(failure) => {
            tracing::debug!(session.id = %lease.session, %failure, "member not created");
            let outcome = CallOutcome::from(failure);
            tools.limiter.answered(evidence, &outcome);
            let health = Health::of(&outcome);
            (Creation::Failed(outcome), health)
        }
    };
    admitted.record(health);
    creation
}
