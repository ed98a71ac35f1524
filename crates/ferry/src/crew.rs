//! Those who are at work together in one process: worker, dispatcher, sweeper.
//!
//! Every process works. Dispatching and sweeping are done by one of them at a time, whoever has
//! the role; who sweeps looks for the members of parked sessions, too.

mod duty;
mod heartbeat;
mod watch;

use std::time::Duration;

use anyhow::{Context, Result};
use ferry_core::id::{RunId, WorkerId};
use ferry_core::reason::PauseCause;
use ferry_ledger::roles::Role;
use ferry_producer::dispatch::{self, Scope, dispatch};
use ferry_worker::{Worker, parked, sweeper};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio_util::sync::CancellationToken;

use self::duty::on_duty;
use crate::crossing::Crossing;

/// What the crew works for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// This run is finished, and no attempt of it is unresolved. At the end the audit may take so
    /// long.
    Finished(RunId, Duration),
    /// No run has anything left to call or to look up.
    Empty,
    /// For ever.
    Stopped,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// What it worked for is done.
    Done,
    /// Every session is final; attempts are still to be looked up.
    Auditing,
    /// The run is paused.
    Paused(PauseCause),
    /// The run was cancelled.
    Cancelled,
    /// Told to stop.
    Stopped,
}

/// A crew on the runs of `scope`.
#[derive(Debug)]
pub(crate) struct Crew<'a> {
    pub(crate) crossing: &'a Crossing,
    pub(crate) worker: WorkerId,
    pub(crate) scope: Scope,
    pub(crate) until: Until,
}

impl Crew<'_> {
    /// Works until it is done or `stop` is cancelled; then what is in flight is finished and
    /// recorded.
    pub(crate) async fn work(&self, stop: &CancellationToken, mut rng: StdRng) -> Result<Ended> {
        let tools = &self.crossing.tools;
        let swept = CancellationToken::new();
        let sweeping = async {
            let sweep = async |stop: &CancellationToken| {
                let watching = Box::pin(self.watch_parked(stop));
                tokio::join!(sweeper::sweep(tools, stop), watching);
                Ok(())
            };
            on_duty(Role::Sweeper, self.worker, &tools.ledger, &swept, sweep).await
        };
        let carrying = async {
            let _ends_the_others = swept.drop_guard_ref();
            loop {
                // Whoever ends first, the others have nothing left to do.
                let working = stop.child_token();
                let ended = self.carry(&working, StdRng::from_rng(&mut rng)).await?;
                // A result that came too late may have been recorded at the very end: then there is
                // something to look up again.
                if ended != Ended::Done || watch::is_done(&tools.ledger, self.until).await? {
                    return Ok(ended);
                }
            }
        };
        let beating = heartbeat::beat(&tools.ledger, self.worker, tools.settings.lease, &swept);
        let (ended, swept, ()) = tokio::join!(carrying, sweeping, beating);
        swept?;
        ended
    }

    /// A process that was begun for one run, or for what is left now, does not wait for members.
    async fn watch_parked(&self, stop: &CancellationToken) {
        if (self.until, self.scope) == (Until::Stopped, Scope::All) {
            parked::watch(&self.crossing.tools, stop).await;
        }
    }

    async fn carry(&self, working: &CancellationToken, rng: StdRng) -> Result<Ended> {
        let tools = &self.crossing.tools;
        let worker = Worker {
            tools: tools.clone(),
            consumer: self
                .crossing
                .queue
                .consume(tools.settings.prefetch())
                .await?,
            queue: self.crossing.queue.clone(),
        };
        let worker = tokio::spawn({
            let working = working.clone();
            async move {
                let _ends_the_others = working.clone().drop_guard();
                worker.run(working, rng).await
            }
        });
        let dispatching = async {
            let _ends_the_others = working.clone().drop_guard();
            let settings = dispatch::Settings {
                scope: self.scope,
                window: self.crossing.window,
                lease: tools.settings.lease,
            };
            let dispatching = async |stop: &CancellationToken| {
                let queue = &self.crossing.queue;
                Ok(dispatch(settings, &tools.ledger, queue, stop).await?)
            };
            on_duty(
                Role::Dispatcher,
                self.worker,
                &tools.ledger,
                working,
                dispatching,
            )
            .await
        };
        let watching = async {
            let _ends_the_others = working.clone().drop_guard();
            watch::watch(&tools.ledger, self.until, working).await
        };
        let (ended, dispatched) = tokio::join!(watching, dispatching);
        worker.await.context("the worker panicked")??;
        dispatched?;
        ended
    }
}
