//! Puts the broker's dead-letter queue right: it mirrors what is dead in the ledger.
//!
//! Letters get lost with a queue, or when it cannot be reached, and stay when their session is replayed
//! or put aside. One walk looks at each of them; what is dead and has no letter gets one.

use std::collections::HashSet;

use ferry_core::id::SessionId;
use ferry_core::reason::DeadReason;
use ferry_ledger::Ledger;
use ferry_ledger::dead::Filter;
use ferry_ledger::foreign::ForeignLetter;
use ferry_queue::{Cause, DeadLetter, FoundLetter, Message, Queue};
use rand::Rng;
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::dispatch::DispatchError;

/// What was found in the dead-letter queue, and what was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Synced {
    /// Letters that lay there.
    pub found: u64,
    /// Whose session is dead: published again, with what the ledger says it died of.
    pub published_again: u64,
    /// Of those, letters that told another run or reason.
    pub corrected: u64,
    /// Whose session is not dead any more, or was put aside: removed.
    pub removed: u64,
    /// That stood there before: removed.
    pub repeated: u64,
    /// That are not ours: kept apart.
    pub foreign: u64,
    /// Sessions that are dead and had no letter.
    pub published: u64,
}

/// Letters that are taken, judged and published again together.
const LETTERS_AT_ONCE: usize = 500;
/// Dead sessions that are read at once.
const PAGE: u32 = 5_000;

/// Walks once through the dead-letter queue. A letter is taken out after what came of it is on the
/// broker's disk or in the ledger, so that a crash repeats letters, and the next walk removes those.
pub async fn sync(
    ledger: &Ledger,
    queue: &Queue,
    rng: &mut impl Rng,
) -> Result<Synced, DispatchError> {
    let mut synced = Synced::default();
    let mut seen = HashSet::new();
    let mut walk = queue.walk_dead().await?;
    loop {
        let found = walk.next(LETTERS_AT_ONCE).await?;
        if found.is_empty() {
            break;
        }
        synced.found += found.len() as u64;
        let sorted = sort(ledger, found, &mut seen, &mut synced).await?;
        if !sorted.foreign.is_empty() {
            ledger.keep_foreign(&sorted.foreign, rng).await?;
        }
        queue.publish_dead(&sorted.again).await?;
        walk.remove().await?;
    }
    walk.close().await?;
    synced.published = publish_absent(ledger, queue, &seen).await?;
    Ok(synced)
}

#[derive(Default)]
struct Sorted {
    again: Vec<DeadLetter>,
    foreign: Vec<ForeignLetter>,
}

async fn sort(
    ledger: &Ledger,
    found: Vec<FoundLetter>,
    seen: &mut HashSet<SessionId>,
    synced: &mut Synced,
) -> Result<Sorted, DispatchError> {
    let sessions = found.iter().filter_map(|found| found.letter.message);
    let sessions: Vec<_> = sessions.map(|message| message.session).collect();
    let standings = ledger.standings(&sessions).await?;
    let mut sorted = Sorted::default();
    for FoundLetter { letter, foreign } in found {
        if let Some(foreign) = foreign {
            synced.foreign += 1;
            sorted.foreign.push(ForeignLetter {
                body: foreign.body.expose_secret().to_vec().into(),
                kind: foreign.kind,
                content_type: foreign.content_type,
                cause: letter.cause.to_string(),
            });
            continue;
        }
        let standing = letter.message.and_then(|message| {
            standings
                .get(&message.session)
                .map(|s| (message.session, s))
        });
        match standing {
            Some((session, standing)) => match standing.dead {
                Some(_) if !seen.insert(session) => synced.repeated += 1,
                Some(reason) => {
                    let right = of(session, standing.run, reason);
                    synced.published_again += 1;
                    synced.corrected += u64::from(right != letter);
                    sorted.again.push(right);
                }
                None => synced.removed += 1,
            },
            // Of another ledger, whose fleet has the same prefix by mistake: there is nothing in it
            // but ids, and they mean nothing here.
            None => synced.removed += 1,
        }
    }
    Ok(sorted)
}

async fn publish_absent(
    ledger: &Ledger,
    queue: &Queue,
    seen: &HashSet<SessionId>,
) -> Result<u64, DispatchError> {
    let (filter, mut after, mut published) = (Filter::default(), None, 0);
    loop {
        let page = ledger.dead_sessions(&filter, after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(published);
        };
        after = Some(last.session);
        let absent = page.iter().filter(|dead| !seen.contains(&dead.session));
        let letters: Vec<_> = absent
            .filter_map(|dead| Some(of(dead.session, dead.run, dead.reason.parse().ok()?)))
            .collect();
        queue.publish_dead(&letters).await?;
        published += letters.len() as u64;
    }
}

fn of(session: SessionId, run: ferry_core::id::RunId, reason: DeadReason) -> DeadLetter {
    DeadLetter {
        message: Some(Message { run, session }),
        cause: Cause::Session(reason),
    }
}
