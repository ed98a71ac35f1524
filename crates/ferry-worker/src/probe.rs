//! Asks the legacy provider itself what Stytch could not tell: is it the token?

use std::sync::Arc;

use ferry_core::breaker::{BreakerConfig, Health};
use ferry_core::decide::{Decision, Verdict};
use ferry_ledger::claim::Lease;
use ferry_oidc::{DiscoveryError, Probe};
use rand::Rng;
use secrecy::SecretString;

use crate::breaker::Breaker;
use crate::settings::Tools;

/// The legacy provider's UserInfo endpoint, and whether it is up.
#[derive(Debug)]
pub struct Userinfo {
    probe: Probe,
    breaker: Arc<Breaker>,
}

impl Userinfo {
    /// With a breaker of its own. The probe's timeout must not be above that of a call to Stytch.
    pub fn new(probe: Probe) -> Self {
        Self {
            probe,
            breaker: Breaker::of("UserInfo", BreakerConfig::default()),
        }
    }
}

/// Settles an ambiguous refusal by what UserInfo says of the token, if it may be asked.
pub(crate) async fn settle(
    decision: Decision,
    lease: &Lease,
    tools: &Tools,
    rng: &mut (impl Rng + Send),
) -> Decision {
    let (Some(userinfo), Ok(token)) = (&tools.userinfo, &lease.access_token) else {
        return decision;
    };
    if !decision.is_ambiguous() {
        return decision;
    }
    let verdict = userinfo.ask(token, lease, tools).await;
    tracing::debug!(session.id = %lease.session, ?verdict, "UserInfo asked");
    decision.told(verdict, &tools.settings.retry, rng)
}

impl Userinfo {
    /// Finds out where UserInfo is.
    pub async fn discover(&self) -> Result<(), DiscoveryError> {
        self.probe.discover().await
    }

    /// What UserInfo says; without asking, that it is down or busy, if it may not be asked now.
    async fn ask(&self, token: &SecretString, lease: &Lease, tools: &Tools) -> Verdict {
        let Some(admitted) = self.breaker.admit(1).ok().and_then(|mut one| one.pop()) else {
            return Verdict::Down;
        };
        if let Some(limit) = tools.settings.subject {
            match tools.ledger.turn_of(&lease.facts, limit).await {
                Ok(None) => {}
                Ok(wait) => return Verdict::Busy { retry_after: wait },
                Err(error) => {
                    tracing::warn!(session.id = %lease.session, %error, "UserInfo not asked");
                    return Verdict::Busy { retry_after: None };
                }
            }
        }
        let Some(permit) = tools.permit_within(lease).await else {
            return Verdict::Busy { retry_after: None };
        };
        let evidence = permit.leave();
        let verdict = self.probe.ask(token).await;
        tools.limiter.probed(evidence, verdict);
        admitted.record(health(verdict));
        verdict
    }
}

fn health(verdict: Verdict) -> Health {
    match verdict {
        Verdict::Down => Health::Failed,
        Verdict::Unreachable => Health::Unknown,
        Verdict::Refused(_)
        | Verdict::Busy { .. }
        | Verdict::NoEmail
        | Verdict::Email
        | Verdict::Unusable => Health::Answered,
    }
}
