//! How a worker works, and what with.

use std::sync::Arc;
use std::time::Duration;

use ferry_core::budget::SubjectLimit;
use ferry_core::burst::BurstConfig;
use ferry_core::retry::RetryPolicy;
use ferry_core::session::GrantPolicy;
use ferry_ledger::Ledger;
use ferry_stytch::Client;

use crate::breaker::Breaker;
use crate::limiter::Limiter;
use crate::members::Members;
use crate::observe::Observe;
use crate::probe::Userinfo;
use crate::tally::Tally;

/// How a worker works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Calls in flight at once.
    pub concurrency: usize,
    /// How long a claim holds: well above the call's timeout.
    pub lease: Duration,
    /// The call's timeout. A call begins only if so much of its lease is left.
    pub call_timeout: Duration,
    /// After an attempt of unknown outcome the sweeper waits so long before it looks: the call's
    /// timeout and 20 s for what is still under way at Stytch.
    pub quiet: Duration,
    /// After the first look the second one follows so much later.
    pub second_look: Duration,
    /// How often the member of a parked session is looked for.
    pub parked_look: Duration,
    /// When and how often to try again.
    pub retry: RetryPolicy,
    /// How long a minted session lives.
    pub grant: GrantPolicy,
    /// How often the legacy provider may be asked about one person; `None`: as often as it goes.
    pub subject: Option<SubjectLimit>,
    /// Which failures of many people pause a run.
    pub burst: BurstConfig,
}

impl Settings {
    /// Sessions held at once, from their delivery until they are recorded: while some are called, as
    /// many others are claimed or recorded.
    pub fn held(&self) -> usize {
        self.concurrency * 2
    }

    /// Deliveries at once: a claim finds its batch at hand.
    pub fn prefetch(&self) -> usize {
        self.held() + self.concurrency
    }
}

/// What a worker works with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The truth.
    pub ledger: Ledger,
    /// Stytch.
    pub stytch: Client,
    /// The rates that all calls share.
    pub limiter: Arc<Limiter>,
    /// Whether Stytch is up.
    pub breaker: Arc<Breaker>,
    /// Creates members that are missing; `None`: their sessions are dead.
    pub members: Option<Arc<Members>>,
    /// Settles what Stytch could not tell of a token; `None`: it is tried again, so many times.
    pub userinfo: Option<Arc<Userinfo>>,
    /// What has happened.
    pub tally: Arc<Tally>,
    /// Who measures.
    pub observer: Arc<dyn Observe>,
    /// How to work.
    pub settings: Arc<Settings>,
}
