//! Who dispatches and sweeps for all, and who does when that one is gone without a word.

use std::time::{Duration, Instant};

use ferry_sim::{Faults, Population};
use ferry_testbed::proxy::{Direction, Proxy};
use sqlx::PgConnection;
use tokio::process::Child;

use super::claims::ended;
use crate::support::{Fleet, LOOK_EVERY, signal};

/// The promise.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(30);

/// One reply in ten is lost, so that the sweeper has its work.
fn lost_replies(latency_ms: u64) -> Faults {
    Faults {
        cut_after_minting: 0.1,
        latency_ms,
        ..Faults::default()
    }
}

/// Who has both roles now, if somebody has.
async fn holder(tables: &mut PgConnection) -> Option<Vec<u8>> {
    let holders = sqlx::query_scalar(
        "SELECT holder FROM leases WHERE held_until > ferry_now()
         GROUP BY holder HAVING count(*) = 2",
    );
    holders.fetch_optional(tables).await.unwrap()
}

/// Waits until somebody has both roles who is not this one.
async fn other_holder(tables: &mut PgConnection, than: Option<&[u8]>) -> Vec<u8> {
    loop {
        match holder(tables).await {
            Some(holder) if Some(&holder[..]) != than => return holder,
            _ => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

/// A worker that has both roles and one that has none, in the middle of a run that they cannot end
/// soon. The first one's database is behind the proxy.
struct Pair {
    fleet: Fleet,
    proxy: Proxy,
    tables: PgConnection,
    holder: Vec<u8>,
    first: Child,
    second: Child,
}

impl Pair {
    async fn new(seed: u64) -> Self {
        let fleet = Fleet::new(Population::new(800, seed), lost_replies(100)).await;
        fleet.enqueue().await;
        let proxy = Proxy::before(&fleet.ledger_url).unwrap();
        let mut first = fleet.narrow(2);
        first.env("FERRY_LEDGER__URL", proxy.url(&fleet.ledger_url).unwrap());
        let first = first.spawn().expect("the binary starts");
        let mut tables = fleet.tables().await;
        let holder = other_holder(&mut tables, None).await;
        let second = fleet.narrow(2).spawn().expect("the binary starts");
        let minted = fleet.minted();
        fleet.crossing.until_minted(minted + 40).await;
        Self {
            fleet,
            proxy,
            tables,
            holder,
            first,
            second,
        }
    }

    async fn until_taken_over(&mut self) {
        let since = Instant::now();
        other_holder(&mut self.tables, Some(&self.holder)).await;
        assert!(since.elapsed() < TAKEN_OVER_WITHIN);
        self.fleet.crossing.simulator.set_faults(lost_replies(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_39_another_one_dispatches_and_sweeps_when_that_one_stands_still() {
    let mut pair = Pair::new(80).await;
    signal(&pair.first, "STOP").await;
    pair.until_taken_over().await;
    // For a while both take themselves for it.
    signal(&pair.first, "CONT").await;
    ended(pair.second).await.assert_says(0, &["worker left"]);
    ended(pair.first).await.assert_says(0, &["worker left"]);
    pair.fleet.sweep_resolved().await;
    pair.fleet.assert_all_crossed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_39_another_one_dispatches_and_sweeps_when_that_one_has_lost_its_database() {
    let mut pair = Pair::new(81).await;
    pair.proxy.swallow(Direction::Both);
    pair.until_taken_over().await;
    ended(pair.second).await.assert_says(0, &["worker left"]);
    pair.fleet.assert_all_crossed().await;
    ended(pair.first).await.assert_says(75, &[]);
}
