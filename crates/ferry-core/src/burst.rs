//! Bursts: one cause in many users' sessions is not the sessions' fault.
//!
//! A wrong column mapping, an export of another environment, a proxy's page in the way: each fails
//! one session after the other, and would bury a million. The watch looks at the last finished
//! attempts of a run and says when it must pause. It is of bounded size and serializable: shared
//! in the ledger by all workers of a run, so that a fleet pauses as early as one worker.

use std::collections::{HashSet, VecDeque};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::budget::Share;
use crate::decide::{Decision, Disposition};
use crate::failure::FailureClass;
use crate::outcome::{CallOutcome, Unanswered};
use crate::reason::{DeadReason, PauseCause};

/// What counts as a burst.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BurstConfig {
    /// So many finished attempts are looked at.
    pub window: usize,
    /// A cause with this share of them (of the full window, however many have finished) is a
    /// burst; `None` turns it off.
    pub share: Option<Share>,
    /// If it befell so many different people: one person's many devices are not a burst.
    pub least_subjects: usize,
    /// So many unreadable replies in a row, without an answer of Stytch's in between, are too.
    pub unreadable_in_a_row: u32,
}

impl Default for BurstConfig {
    /// Half of the last 200, 20 people; 10 unreadable replies.
    fn default() -> Self {
        Self {
            window: 200,
            share: Some(Share::percent(50)),
            least_subjects: 20,
            unreadable_in_a_row: 10,
        }
    }
}

/// A finished attempt, as far as bursts are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finished {
    /// Carried.
    Carried,
    /// Failed for a reason of the session. UserInfo's unusable answers are counted as
    /// [`DeadReason::UserinfoUnusable`] from the first attempt on.
    Failed(DeadReason),
    /// A success status with a body that is not Stytch's.
    Unreadable,
}

impl Finished {
    /// What an attempt counts as; `None`: outages, limits and set-up faults are others' matter.
    pub fn of(outcome: &CallOutcome, decision: &Decision) -> Option<Self> {
        if matches!(outcome, CallOutcome::Unanswered(Unanswered::Unreadable)) {
            return Some(Self::Unreadable);
        }
        match (decision.disposition, decision.class) {
            (Disposition::Migrated, _) => Some(Self::Carried),
            (_, Some(FailureClass::Ambiguous)) => Some(Self::Failed(DeadReason::UserinfoUnusable)),
            (Disposition::Dead(reason), Some(FailureClass::Session)) => Some(Self::Failed(reason)),
            _ => None,
        }
    }
}

/// Why a run must pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Burst {
    /// One reason for many people.
    OneReason {
        /// The reason.
        reason: DeadReason,
        /// In so many
        failed: usize,
        /// of the last attempts,
        finished: usize,
        /// of so many people.
        subjects: usize,
    },
    /// What answers is not Stytch.
    Unreadable {
        /// So many replies in a row.
        replies: u32,
    },
}

impl Burst {
    /// Under which cause the run pauses.
    pub fn cause(self) -> PauseCause {
        match self {
            Self::OneReason { .. } => PauseCause::FailureBurst,
            Self::Unreadable { .. } => PauseCause::WrongEndpoint,
        }
    }
}

impl fmt::Display for Burst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneReason {
                reason,
                failed,
                finished,
                subjects,
            } => write!(
                f,
                "{failed} of the last {finished} attempts, of {subjects} people, ended as {reason}"
            ),
            Self::Unreadable { replies } => write!(
                f,
                "{replies} replies in a row had status 200 and a body that is not Stytch's"
            ),
        }
    }
}

/// The last finished attempts of one run: at most 10 kB as JSON. A run that is resumed begins with
/// a new one, else it would pause at once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BurstWatch {
    /// What failed has its reason and its person; what was carried has neither.
    last: VecDeque<Option<(DeadReason, u32)>>,
    unreadable_in_a_row: u32,
}

impl BurstWatch {
    /// Takes a finished attempt in. `subject` is a hash of the person, of the organization and
    /// email if nothing better is known.
    pub fn observe(
        &mut self,
        finished: Finished,
        subject: u32,
        config: BurstConfig,
    ) -> Option<Burst> {
        let failed = match finished {
            Finished::Unreadable => return self.unreadable(config),
            Finished::Carried => None,
            Finished::Failed(reason) => Some((reason, subject)),
        };
        self.unreadable_in_a_row = 0;
        self.last.push_back(failed);
        while self.last.len() > config.window.max(1) {
            self.last.pop_front();
        }
        failed.and_then(|(reason, _)| self.one_reason(reason, config))
    }

    fn unreadable(&mut self, config: BurstConfig) -> Option<Burst> {
        self.unreadable_in_a_row = self.unreadable_in_a_row.saturating_add(1);
        let replies = self.unreadable_in_a_row;
        (replies >= config.unreadable_in_a_row).then_some(Burst::Unreadable { replies })
    }

    fn one_reason(&self, reason: DeadReason, config: BurstConfig) -> Option<Burst> {
        let window = u32::try_from(config.window).unwrap_or(u32::MAX);
        let share = config.share?.as_fraction() * f64::from(window);
        let of_it = || self.last.iter().flatten().filter(|(r, _)| *r == reason);
        let failed = of_it().count();
        if f64::from(u32::try_from(failed).unwrap_or(u32::MAX)) < share {
            return None;
        }
        let subjects = of_it().map(|(_, subject)| subject).collect::<HashSet<_>>();
        (subjects.len() >= config.least_subjects).then_some(Burst::OneReason {
            reason,
            failed,
            finished: self.last.len(),
            subjects: subjects.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MISSING: Finished = Finished::Failed(DeadReason::MemberMissing);

    /// How many attempts finish before the run pauses.
    fn until_it_pauses(
        attempts: impl IntoIterator<Item = (Finished, u32)>,
        config: BurstConfig,
    ) -> Option<(usize, Burst)> {
        let mut watch = BurstWatch::default();
        attempts
            .into_iter()
            .enumerate()
            .find_map(|(n, (finished, subject))| {
                let burst = watch.observe(finished, subject, config)?;
                Some((n + 1, burst))
            })
    }

    #[test]
    fn a_wrong_column_mapping_pauses_a_run_of_100_000_after_100_attempts() {
        let rows = (0..100_000).map(|row| (MISSING, row));
        let (attempts, burst) = until_it_pauses(rows, BurstConfig::default()).unwrap();
        // Eight workers with 32 calls under way each: 356 calls in all.
        assert_eq!(attempts, 100);
        assert_eq!(burst.cause(), PauseCause::FailureBurst);
        assert_eq!(
            burst.to_string(),
            "100 of the last 100 attempts, of 100 people, ended as member_missing"
        );
    }

    #[test]
    fn a_mapping_that_goes_wrong_in_the_middle_is_seen_after_100_attempts_too() {
        let good = (0..5000).map(|row| (Finished::Carried, row));
        let rows = good.chain((0..100_000).map(|row| (MISSING, row)));
        let (attempts, _) = until_it_pauses(rows, BurstConfig::default()).unwrap();
        assert_eq!(attempts, 5100);
    }

    #[test]
    fn one_persons_many_devices_are_not_a_burst() {
        let rows = (0..10_000).map(|row| (MISSING, row % 19));
        assert_eq!(until_it_pauses(rows, BurstConfig::default()), None);
    }

    #[test]
    fn a_third_of_all_or_many_reasons_are_not_a_burst() {
        let third = (0..10_000).map(|row| {
            let finished = if row % 3 == 0 {
                MISSING
            } else {
                Finished::Carried
            };
            (finished, row)
        });
        assert_eq!(until_it_pauses(third, BurstConfig::default()), None);
        let reasons = [
            DeadReason::MemberMissing,
            DeadReason::InvalidRow,
            DeadReason::Refused,
        ];
        let mixed = (0..10_000).map(|row| (Finished::Failed(reasons[row as usize % 3]), row));
        assert_eq!(until_it_pauses(mixed, BurstConfig::default()), None);
    }

    #[test]
    fn turned_off_it_never_pauses_for_a_reason() {
        let config = BurstConfig {
            share: None,
            ..BurstConfig::default()
        };
        assert_eq!(
            until_it_pauses((0..1000).map(|row| (MISSING, row)), config),
            None
        );
    }

    #[test]
    fn a_page_in_the_way_pauses_after_ten_replies_in_the_middle_of_a_run() {
        let good = (0..300).map(|row| (Finished::Carried, row));
        let rows = good.chain((0..100).map(|row| (Finished::Unreadable, row)));
        let (attempts, burst) = until_it_pauses(rows, BurstConfig::default()).unwrap();
        assert_eq!(attempts, 310);
        assert_eq!(burst.cause(), PauseCause::WrongEndpoint);
    }

    #[test]
    fn unreadable_replies_among_good_ones_do_not_pause() {
        let rows = (0..1000).map(|row| {
            let cut = row % 10 != 0;
            (
                if cut {
                    Finished::Unreadable
                } else {
                    Finished::Carried
                },
                row,
            )
        });
        assert_eq!(until_it_pauses(rows, BurstConfig::default()), None);
    }

    proptest! {
        #[test]
        fn memory_is_bounded_whatever_comes(
            attempts in proptest::collection::vec((0_u8..4, any::<u32>()), 0..1000),
        ) {
            let mut watch = BurstWatch::default();
            for (kind, subject) in attempts {
                let finished = match kind {
                    0 => Finished::Carried,
                    1 => Finished::Unreadable,
                    2 => Finished::Failed(DeadReason::OrganizationMissing),
                    _ => Finished::Failed(DeadReason::IdentityMismatch),
                };
                watch.observe(finished, subject, BurstConfig::default());
            }
            let stored = serde_json::to_string(&watch).unwrap();
            prop_assert!(stored.len() < 10_000, "{}", stored.len());
            prop_assert_eq!(serde_json::from_str::<BurstWatch>(&stored).unwrap(), watch);
        }

        #[test]
        fn fewer_than_the_share_never_pause(
            attempts in proptest::collection::vec(any::<bool>(), 0..600),
        ) {
            let config = BurstConfig { least_subjects: 1, ..BurstConfig::default() };
            let rows = attempts.iter().zip(0..).map(|(failed, row)| {
                (if *failed { MISSING } else { Finished::Carried }, row)
            });
            let most = (0..attempts.len())
                .map(|end| attempts[end.saturating_sub(199)..=end].iter().filter(|f| **f).count())
                .max()
                .unwrap_or(0);
            prop_assert_eq!(until_it_pauses(rows, config).is_some(), most >= 100);
        }
    }
}
