//! More calls for a session that is claimed already.

use std::sync::Arc;

use ferry_core::ceiling::Report;
use ferry_core::decide::Verdict;
use ferry_ledger::budgets::BudgetName;
use ferry_ledger::claim::Lease;

use super::{Evidence, Limiter, Permit};
use crate::settings::Tools;

impl Tools {
    /// Leave for one more call of a session, now; `None` if its lease may end before the call does.
    pub(crate) async fn permit_within(&self, lease: &Lease) -> Option<Permit> {
        let left = lease.until.since(self.ledger.now());
        let left = left.checked_sub(self.settings.call_timeout)?;
        let permit = async { self.limiter.one_more().await.opened().await };
        tokio::time::timeout(left, permit).await.ok()
    }
}

impl Limiter {
    /// One more permit for a session that is claimed: it goes before those that are not. It spends
    /// what a migrate call spends, of Stytch and of the legacy provider alike, so that neither ever
    /// gets more than its rate; the part that the call does not need is lost.
    pub(crate) async fn one_more(self: &Arc<Self>) -> Permit {
        if self.lines.is_empty() {
            return Permit::unlimited();
        }
        loop {
            if let Some(planned) = self.another().await {
                return Permit::new(planned, Arc::clone(self));
            }
        }
    }

    /// Reports what UserInfo said when Ferry asked. Its wait is not passed on: it may be about one
    /// person, and would hold everybody back.
    pub(crate) fn probed(self: &Arc<Self>, evidence: Evidence, verdict: Verdict) {
        let (allowed, refused) = match verdict {
            Verdict::Busy { .. } => (0, 1),
            Verdict::Refused(_) | Verdict::NoEmail | Verdict::Email => (1, 0),
            Verdict::Down | Verdict::Unusable | Verdict::Unreachable => return,
        };
        let Some(trials) = evidence.trials else {
            return;
        };
        let mut state = self.state();
        for (line, trial) in self.lines.iter().zip(trials) {
            if line.name == BudgetName::Userinfo {
                let report = Report {
                    allowed,
                    refused,
                    trial,
                    ..Report::default()
                };
                state.reports.add(line.name, report);
            }
        }
        if state.is_urgent() {
            self.ask_if_need_be(&mut state);
        }
    }
}
