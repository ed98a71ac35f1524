//! The calls: counted all, the last ones kept.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::window::Arrivals;
use super::{Endpoint, Windows};
use crate::clock::{Millis, rfc3339};

/// One call. Holds no token and no query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// When it arrived, by the wall clock: RFC 3339, whole seconds.
    pub at: String,
    /// The same in milliseconds since 1970.
    pub at_milliseconds: i64,
    /// The endpoint, by the name that the audit gives it.
    pub endpoint: String,
    /// The route's path, with placeholders.
    pub path: String,
    /// The HTTP status; `None` if the connection was cut before one was sent.
    pub status: Option<u16>,
    /// `ok`, an `error_type`, the name of a fault, or `client_gone`.
    pub outcome: String,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
}

/// All calls since the start.
#[derive(Debug)]
pub(crate) struct Calls {
    numbers: [AtomicU64; Endpoint::COUNT],
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    outcomes: HashMap<(Endpoint, Cow<'static, str>), u64>,
    arrivals: Arrivals,
    last: VecDeque<Entry>,
}

#[derive(Debug)]
struct Entry {
    wall: Millis,
    endpoint: Endpoint,
    status: Option<u16>,
    outcome: Cow<'static, str>,
    milliseconds: u64,
}

impl Calls {
    pub(crate) fn new() -> Self {
        Self {
            numbers: std::array::from_fn(|_| AtomicU64::new(0)),
            book: Mutex::default(),
        }
    }

    /// Notes that a call has arrived.
    pub(crate) fn begin(self: &Arc<Self>, endpoint: Endpoint, wall: Millis) -> Call {
        let number = self.numbers[endpoint as usize].fetch_add(1, Ordering::Relaxed);
        if endpoint != Endpoint::Simulator {
            self.book().arrivals.arrived(endpoint, wall);
        }
        Call {
            calls: Arc::clone(self),
            endpoint,
            number,
            wall,
            began: Instant::now(),
            ended: false,
        }
    }

    pub(super) fn counts(&self) -> (BTreeMap<String, BTreeMap<String, u64>>, Windows) {
        let book = self.book();
        let mut counts: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for ((endpoint, outcome), count) in &book.outcomes {
            let outcomes = counts.entry(endpoint.label().to_owned()).or_default();
            outcomes.insert(outcome.to_string(), *count);
        }
        (counts, book.arrivals.windows())
    }

    /// The last calls, oldest first.
    pub(crate) fn last(&self, limit: usize) -> Vec<CallRecord> {
        let book = self.book();
        let skip = book.last.len().saturating_sub(limit);
        book.last.iter().skip(skip).map(Entry::record).collect()
    }

    fn end(&self, entry: Entry) {
        let mut book = self.book();
        *book
            .outcomes
            .entry((entry.endpoint, entry.outcome.clone()))
            .or_default() += 1;
        if book.last.len() == KEPT_CALLS {
            book.last.pop_front();
        }
        book.last.push_back(entry);
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn record(&self) -> CallRecord {
        CallRecord {
            at: rfc3339(self.wall),
            at_milliseconds: self.wall,
            endpoint: self.endpoint.label().to_owned(),
            path: self.endpoint.path().to_owned(),
            status: self.status,
            outcome: self.outcome.to_string(),
            milliseconds: self.milliseconds,
        }
    }
}

/// A call under way. Dropped without an end, its client has gone.
#[derive(Debug)]
pub(crate) struct Call {
    calls: Arc<Calls>,
    pub(crate) endpoint: Endpoint,
    /// How many calls of its endpoint came before it.
    pub(crate) number: u64,
    wall: Millis,
    began: Instant,
    ended: bool,
}

impl Call {
    pub(crate) fn end(mut self, status: Option<u16>, outcome: Cow<'static, str>) {
        self.enter(status, outcome);
    }

    fn enter(&mut self, status: Option<u16>, outcome: Cow<'static, str>) {
        self.ended = true;
        if self.endpoint == Endpoint::Simulator {
            return;
        }
        let milliseconds = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (wall, endpoint) = (self.wall, self.endpoint);
        self.calls.end(Entry {
            wall,
            endpoint,
            status,
            outcome,
            milliseconds,
        });
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.ended {
            self.enter(None, Cow::Borrowed("client_gone"));
        }
    }
}

/// Enough to look at what just happened; the counts are kept for ever.
const KEPT_CALLS: usize = 10_000;
