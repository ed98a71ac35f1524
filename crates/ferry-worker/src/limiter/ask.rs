//! Exchanges with the ledger.
//!
//! Each runs in a task of its own: a future of the ledger must not be dropped halfway.

use std::mem;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ferry_core::budget::{ClockBounds, Grant, Lane, Moment, RESERVE, Request, Slice};
use ferry_core::ceiling::Report;
use ferry_ledger::LedgerError;
use ferry_ledger::budgets::{Answer, Ask, BudgetLine, BudgetName};
use tokio::time::Instant;

use super::hand::{Planned, Trials};
use super::{BETWEEN_ASKS, HORIZON, LEDGER_PAUSE, Limit, Limiter, State};

/// No permit is planned earlier than an exchange and a claim take, but at most so long ahead.
const LONGEST_LEAD: Duration = Duration::from_millis(100);

impl Limiter {
    /// Begins an exchange if permits run out, or a refusal is to be reported.
    pub(super) fn ask_if_need_be(self: &Arc<Self>, state: &mut State) {
        let is_due = state.asks_at().is_some_and(|at| at <= self.now());
        if state.is_asking || !(is_due || state.is_urgent()) {
            return;
        }
        let expected = state.use_of_permits.expected(self.now());
        let wanted = state.wanted.max(expected);
        let wanted = wanted.saturating_sub(state.hand.len());
        let wanted = NonZeroU32::new(u32::try_from(wanted).unwrap_or(u32::MAX));
        let request = wanted.filter(|_| is_due).map(|wanted| Request {
            wanted,
            lead: (state.exchange + state.claim).min(LONGEST_LEAD),
            horizon: HORIZON,
            not_before: Moment::EARLIEST,
            lane: Lane::Bulk,
        });
        state.is_asking = true;
        let reports = state.reports.take();
        let limiter = Arc::clone(self);
        tokio::spawn(async move { limiter.ask(request, reports).await });
    }

    async fn ask(self: Arc<Self>, request: Option<Request>, reports: Vec<(BudgetName, Report)>) {
        let ask = Ask {
            lines: &self.lines,
            reports: &reports,
            request,
        };
        let began = self.now();
        let answer = self.ledger.ask(&ask).await;
        let mut state = self.state();
        let now = self.now();
        state.exchange = now.saturating_sub(began).max(state.exchange * 7 / 8);
        state.is_asking = false;
        match answer {
            Ok(answer) => {
                state.heard_of();
                self.learn(&mut state, &answer);
                if let (Some(request), Some(grant)) = (request, answer.grant) {
                    self.take_in(&mut state, request, grant, &answer);
                }
            }
            Err(error) => {
                state.ask_at = now + LEDGER_PAUSE;
                for (name, report) in reports {
                    state.reports.add(name, report);
                }
                state.is_missed(&error);
            }
        }
        if state.is_urgent() {
            self.ask_if_need_be(&mut state);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// What every answer tells: the clock, and waits.
    fn learn(&self, state: &mut State, answer: &Answer) {
        let asked = self.own(answer.asked);
        let answered = self.own(answer.answered);
        match &mut state.clock {
            Some(clock) => clock.learn(asked, answered, answer.now),
            None => state.clock = Some(ClockBounds::new(asked, answered, answer.now)),
        }
        let ends = answer.ceilings.iter();
        let not_before = ends
            .map(|(_, ceiling)| ceiling.not_before(answer.now))
            .max();
        let not_before = not_before.unwrap_or(Moment::EARLIEST);
        state.hand.drop_before(not_before);
        state.not_before = not_before;
        state.held_until = answered + not_before.since(answer.now);
    }

    fn take_in(&self, state: &mut State, request: Request, grant: Grant, answer: &Answer) {
        let now = self.now();
        let granted = match grant {
            Grant::Slice(slice) => {
                self.put(state, slice, answer);
                slice.permits.get()
            }
            Grant::Later { .. } => 0,
        };
        if granted == request.wanted.get() {
            state.short = None;
            return;
        }
        let after = match grant {
            Grant::Later { after } => after.max(BETWEEN_ASKS),
            Grant::Slice(_) => BETWEEN_ASKS,
        };
        state.ask_at = now + after;
        state.short = self.slowest(answer);
    }

    fn put(&self, state: &mut State, slice: Slice, answer: &Answer) {
        for at in slice.planned() {
            match self.planned(state, at, answer) {
                Some(planned) => state.hand.put(planned),
                None => state.is_slow(),
            }
        }
    }

    fn planned(&self, state: &State, at: Moment, answer: &Answer) -> Option<Planned> {
        let window = state.clock?.send_window(at)?;
        let mut trials = Trials::default();
        for (trial, line) in trials.iter_mut().zip(&self.lines) {
            let ceiling = answer.ceilings.iter().find(|(name, _)| *name == line.name);
            *trial = ceiling.and_then(|(_, ceiling)| ceiling.evidence(at));
        }
        Some(Planned { at, window, trials })
    }

    fn slowest(&self, answer: &Answer) -> Option<Limit> {
        let rates = self.lines.iter().filter_map(|line| {
            let (_, ceiling) = answer
                .ceilings
                .iter()
                .find(|(name, _)| *name == line.name)?;
            let limit = match line.name {
                BudgetName::Userinfo => Limit::Userinfo,
                BudgetName::Stytch if ceiling.is_lowered(line.ceiling) => Limit::Refusals,
                BudgetName::Stytch => Limit::Stytch,
            };
            Some((ceiling.rate(line.ceiling).as_per_second(), limit))
        });
        rates
            .min_by(|(one, _), (other, _)| one.total_cmp(other))
            .map(|(_, limit)| limit)
    }

    /// A permit of the reserved share, whose window is open.
    pub(super) async fn reserved_permit(self: &Arc<Self>, line: BudgetLine) -> Planned {
        loop {
            let limiter = Arc::clone(self);
            let asked = tokio::spawn(async move { limiter.ask_for_one(line).await });
            match asked.await {
                Ok(Ok(planned)) => {
                    if self.opens(&planned).await {
                        return planned;
                    }
                }
                Ok(Err(wait)) => tokio::time::sleep(wait).await,
                // It panicked, or the runtime is about to end.
                Err(_) => tokio::time::sleep(LEDGER_PAUSE).await,
            }
        }
    }

    async fn ask_for_one(&self, line: BudgetLine) -> Result<Planned, Duration> {
        let request = Request {
            wanted: NonZeroU32::MIN,
            lead: self.state().exchange.min(LONGEST_LEAD),
            horizon: HORIZON,
            not_before: Moment::EARLIEST,
            lane: Lane::Reserved(RESERVE),
        };
        let ask = Ask {
            lines: &[line],
            reports: &[],
            request: Some(request),
        };
        let answer = self.ledger.ask(&ask).await;
        let mut state = self.state();
        let answer = answer.map_err(|error| {
            state.is_missed(&error);
            LEDGER_PAUSE
        })?;
        state.heard_of();
        self.learn(&mut state, &answer);
        let at = match answer.grant {
            Some(Grant::Slice(slice)) => slice.first,
            Some(Grant::Later { after }) => return Err(after.max(BETWEEN_ASKS)),
            None => return Err(BETWEEN_ASKS),
        };
        self.planned(&state, at, &answer).ok_or_else(|| {
            state.is_slow();
            BETWEEN_ASKS
        })
    }

    /// On the process's clock.
    fn own(&self, at: std::time::Instant) -> Duration {
        Instant::from_std(at).saturating_duration_since(self.began)
    }
}

impl State {
    fn heard_of(&mut self) {
        if mem::take(&mut self.is_away) {
            tracing::info!("the ledger gives permits again");
        }
    }

    fn is_missed(&mut self, error: &LedgerError) {
        if !mem::replace(&mut self.is_away, true) {
            tracing::warn!(%error, "no permits: the ledger is away; nothing is called until it is back");
        }
    }

    /// The clocks are not known well enough for a permit ever to be used.
    fn is_slow(&mut self) {
        if !mem::replace(&mut self.is_too_slow, true) {
            let uncertainty = self.clock.map(|clock| clock.uncertainty());
            tracing::warn!(
                ?uncertainty,
                "the ledger answers too slowly for a shared rate: permits are lost until an answer takes less than 16 ms"
            );
        }
    }
}
