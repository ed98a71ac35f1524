//! What calls came to, until the ledger is told.

use std::mem;

use ferry_core::breaker::Health;
use ferry_core::ceiling::Report;
use ferry_core::failure::{Judgement, judge};
use ferry_core::outcome::CallOutcome;
use ferry_ledger::budgets::BudgetName;

/// Reports since the last exchange: one for each budget and trial.
#[derive(Debug, Default)]
pub(super) struct Reports {
    reports: Vec<(BudgetName, Report)>,
}

impl Reports {
    /// Adds a report to that of the same trial.
    pub(super) fn add(&mut self, name: BudgetName, report: Report) {
        let same = self
            .reports
            .iter_mut()
            .find(|(other, known)| *other == name && known.trial == report.trial);
        match same {
            None => self.reports.push((name, report)),
            Some((_, known)) => {
                known.allowed = known.allowed.saturating_add(report.allowed);
                known.refused = known.refused.saturating_add(report.refused);
                known.retry_after = known.retry_after.max(report.retry_after);
            }
        }
    }

    pub(super) fn hold_a_refusal(&self) -> bool {
        self.reports.iter().any(|(_, report)| report.refused > 0)
    }

    pub(super) fn take(&mut self) -> Vec<(BudgetName, Report)> {
        mem::take(&mut self.reports)
    }
}

/// What an outcome says of a budget's rate; `None`: nothing.
pub(super) fn report(name: BudgetName, outcome: &CallOutcome) -> Option<Report> {
    // Outages are the breaker's matter.
    if Health::of(outcome) != Health::Answered {
        return None;
    }
    let allowed = Report {
        allowed: 1,
        ..Report::default()
    };
    let CallOutcome::Refused(refusal) = outcome else {
        return Some(allowed);
    };
    match (name, judge(refusal)) {
        (BudgetName::Stytch, Judgement::Capacity) => Some(Report {
            refused: 1,
            retry_after: refusal.retry_after,
            ..Report::default()
        }),
        // Stytch does not say whether UserInfo was busy, or the token dead.
        (BudgetName::Userinfo, Judgement::Ambiguous) => None,
        _ => Some(allowed),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ferry_core::outcome::{ErrorType, NotSent, Refusal, Unanswered};

    use super::*;

    fn refused(status: u16, error_type: &str) -> CallOutcome {
        CallOutcome::Refused(Refusal {
            status,
            error_type: Some(ErrorType::sanitized(error_type)),
            request_id: None,
            retry_after: Some(Duration::from_secs(7)),
        })
    }

    #[test]
    fn only_a_refusal_for_the_rates_sake_lowers_it() {
        let said = |outcome| report(BudgetName::Stytch, &outcome).map(|r| (r.allowed, r.refused));
        assert_eq!(said(refused(429, "too_many_requests")), Some((0, 1)));
        for other in ["captcha_failed", "too_few_tokens_authenticated"] {
            assert_eq!(said(refused(429, other)), Some((1, 0)), "{other}");
        }
        assert_eq!(said(refused(404, "member_not_found")), Some((1, 0)));
    }

    #[test]
    fn an_outage_says_nothing_of_the_rate() {
        for outcome in [
            refused(503, "server_unavailable"),
            CallOutcome::NotSent(NotSent::Unreachable),
            CallOutcome::NotSent(NotSent::LeaseTooShort),
            CallOutcome::Unanswered(Unanswered::TimedOut),
            CallOutcome::Unanswered(Unanswered::Unreadable),
        ] {
            for name in [BudgetName::Stytch, BudgetName::Userinfo] {
                assert_eq!(report(name, &outcome), None, "{outcome:?}");
            }
        }
    }

    #[test]
    fn what_stytch_could_not_use_says_nothing_of_the_legacy_providers_rate() {
        let unusable = refused(400, "migrate_from_external_unexpected_response");
        assert_eq!(report(BudgetName::Userinfo, &unusable), None);
        assert!(report(BudgetName::Stytch, &unusable).is_some());
    }

    #[test]
    fn reports_of_one_trial_are_added_up() {
        let mut reports = Reports::default();
        let refusal = |seconds| Report {
            refused: 1,
            retry_after: Some(Duration::from_secs(seconds)),
            ..Report::default()
        };
        reports.add(BudgetName::Stytch, refusal(3));
        reports.add(BudgetName::Userinfo, refusal(1));
        reports.add(BudgetName::Stytch, refusal(2));
        let taken = reports.take();
        assert_eq!(taken.len(), 2);
        assert_eq!(taken[0].1.refused, 2);
        assert_eq!(taken[0].1.retry_after, Some(Duration::from_secs(3)));
        assert!(reports.take().is_empty());
    }
}
