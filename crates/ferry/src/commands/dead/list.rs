//! `ferry dead list`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use anyhow::Result;
use ferry_core::Timestamp;
use ferry_core::id::RunId;
use ferry_ledger::Ledger;
use ferry_ledger::dead::{DeadCount, DeadSession};
use ferry_queue::Queue;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Serialize;

use super::args::ListArgs;
use super::text::{can_mend, printable, remedy, seconds, wrapped};
use crate::cli::Global;
use crate::exit::Exit;
use crate::place::{Place, place};

/// How long the broker may take to tell how many letters it has: the list does not depend on it.
const BROKER_PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn execute(global: Global, args: &ListArgs) -> Result<Exit> {
    let place = place(&global.load()?.config)?;
    let broker = match &place {
        Place::Fleet(fleet) if args.filter.is_all() => Some(fleet.queue.clone()),
        _ => None,
    };
    let mirror = async {
        match broker {
            Some(broker) => letters(broker).await,
            None => None,
        }
    };
    let (list, letters) = tokio::join!(list(place, args), mirror);
    let mut list = list?;
    list.mirror = letters.map(|letters| Mirror {
        letters,
        is_right: letters == Some(list.dead),
    });
    if args.json {
        println!("{}", serde_json::to_string(&list)?);
    } else {
        print!("{}", list.text());
    }
    Ok(Exit::Done)
}

async fn list(place: Place, args: &ListArgs) -> Result<List> {
    let ledger = place.look().await?;
    let filter = args.filter.resolve(&ledger).await?;
    let names = names(&ledger).await?;
    let counts = ledger.count_dead(&filter).await?;
    let parked = ledger.count_parked(&filter).await?;
    let sessions = if args.sessions {
        ledger.dead_sessions(&filter, None, args.limit).await?
    } else {
        Vec::new()
    };
    ledger.close().await;
    Ok(List {
        dead: counts.iter().map(|count| count.count).sum(),
        parked,
        counts: counts.into_iter().map(|c| Count::of(c, &names)).collect(),
        sessions: sessions
            .into_iter()
            .map(|s| Session::of(s, &names))
            .collect(),
        mirror: None,
    })
}

/// So much of it as fits into the last column; `ferry dead show` tells all.
fn cut(text: String) -> String {
    const WIDTH: usize = 25;
    match text.char_indices().nth(WIDTH) {
        None => text,
        Some(_) => text.chars().take(WIDTH - 1).chain(['…']).collect(),
    }
}

/// How many letters lie in the broker's dead-letter queue; within, `None` if it does not say.
async fn letters(broker: ferry_queue::Settings) -> Option<Option<u64>> {
    let counting = async {
        let mut rng = StdRng::try_from_rng(&mut rand::rngs::SysRng).ok()?;
        let queue = Queue::connect(broker, &mut rng).await.ok()?;
        let letters = queue.count_dead().await.ok();
        queue.close().await;
        letters.map(|letters| letters as u64)
    };
    let counted = tokio::time::timeout(BROKER_PATIENCE, counting).await;
    Some(counted.ok().flatten())
}

/// The names of the runs.
pub(super) async fn names(ledger: &Ledger) -> Result<BTreeMap<RunId, String>> {
    let runs = ledger.runs().await?;
    Ok(runs.into_iter().map(|run| (run.id, run.name)).collect())
}

/// Its JSON form is documented in docs/dead-letters.md.
#[derive(Debug, Serialize)]
struct List {
    dead: u64,
    parked: u64,
    counts: Vec<Count>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sessions: Vec<Session>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mirror: Option<Mirror>,
}

#[derive(Debug, Serialize)]
struct Count {
    run: String,
    reason: String,
    class: Option<String>,
    error_type: Option<String>,
    #[serde(rename = "count")]
    sessions: u64,
    example: i64,
    first_died_at: Timestamped,
    last_died_at: Timestamped,
    can_mend: bool,
    remedy: &'static str,
}

/// A dead session, as it is listed and exported.
#[derive(Debug, Serialize)]
pub(super) struct Session {
    #[serde(rename = "session")]
    pub(super) number: i64,
    pub(super) run: String,
    pub(super) row: u64,
    pub(super) organization: String,
    pub(super) subject: Option<String>,
    pub(super) email: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) reason: String,
    pub(super) class: Option<String>,
    pub(super) error_type: Option<String>,
    pub(super) attempts: u64,
    pub(super) died_at: Timestamped,
    pub(super) discarded_at: Option<Timestamped>,
    pub(super) remedy: &'static str,
}

/// The broker's copy. `letters` is missing if it did not answer.
#[derive(Debug, Serialize)]
struct Mirror {
    letters: Option<u64>,
    is_right: bool,
}

/// RFC 3339, to the second.
#[derive(Debug, Serialize)]
pub(super) struct Timestamped(pub(super) String);

impl From<Timestamp> for Timestamped {
    fn from(moment: Timestamp) -> Self {
        Self(seconds(moment))
    }
}

impl Count {
    fn of(count: DeadCount, names: &BTreeMap<RunId, String>) -> Self {
        Self {
            run: names.get(&count.run).cloned().unwrap_or_default(),
            can_mend: can_mend(&count.reason),
            remedy: remedy(&count.reason),
            reason: count.reason,
            class: count.class,
            error_type: count.error_type,
            sessions: count.count,
            example: count.example.0,
            first_died_at: count.died.0.into(),
            last_died_at: count.died.1.into(),
        }
    }
}

impl Session {
    pub(super) fn of(session: DeadSession, names: &BTreeMap<RunId, String>) -> Self {
        Self {
            number: session.session.0,
            run: names.get(&session.run).cloned().unwrap_or_default(),
            row: session.source_row,
            organization: session.organization,
            subject: session.subject,
            email: session.email,
            external_id: session.external_id,
            remedy: remedy(&session.reason),
            reason: session.reason,
            class: session.class,
            error_type: session.error_type,
            attempts: session.attempts,
            died_at: session.died_at.into(),
            discarded_at: session.discarded_at.map(Into::into),
        }
    }
}

impl List {
    fn text(&self) -> String {
        if self.dead == 0 {
            return format!("no dead sessions\n{}", self.drift());
        }
        let mut page = format!("{:>9}  dead sessions\n", self.dead);
        if self.parked > 0 {
            let _ = writeln!(page, "{:>9}  of them parked", self.parked);
        }
        for count in &self.counts {
            let died = &count.last_died_at.0;
            let _ = writeln!(
                page,
                "\n{:>9}  {} in run {}, the last at {died}",
                count.sessions, count.reason, count.run
            );
            let kind = [count.error_type.as_deref(), count.class.as_deref()];
            let kind: Vec<_> = kind.into_iter().flatten().collect();
            page += &wrapped(&kind.join(", "), 11);
            page += &wrapped(&format!("e.g. `ferry dead show {}`", count.example), 11);
            page += &wrapped(count.remedy, 11);
            if !count.can_mend {
                page += &wrapped("cannot be replayed", 11);
            }
        }
        for (number, session) in self.sessions.iter().enumerate() {
            if number == 0 {
                let _ = writeln!(
                    page,
                    "\n{:>9}  {:<20}  {:<20}  WHO",
                    "SESSION", "DIED", "REASON"
                );
            }
            let who = session.email.as_ref().or(session.subject.as_ref());
            let who = cut(printable(who.map_or("", String::as_str)));
            let Timestamped(died) = &session.died_at;
            let _ = writeln!(
                page,
                "{:>9}  {died:<20}  {:<20}  {who}",
                session.number, session.reason
            );
        }
        page + &self.drift()
    }

    fn drift(&self) -> String {
        let told = match &self.mirror {
            None | Some(Mirror { is_right: true, .. }) => return String::new(),
            Some(Mirror { letters: None, .. }) => {
                "The broker did not tell what lies in its dead-letter queue.".to_owned()
            }
            Some(Mirror {
                letters: Some(letters),
                ..
            }) => format!(
                "The broker's dead-letter queue has {letters} letters: `ferry dead sync` puts it right."
            ),
        };
        format!("\n{}", wrapped(&told, 0))
    }
}
