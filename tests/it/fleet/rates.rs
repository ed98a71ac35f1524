//! One limit for all workers, known or not.

use std::collections::VecDeque;
use std::time::Duration;

use ferry_core::ceiling::CeilingConfig;
use ferry_ledger::budgets::BudgetName;
use ferry_sim::{Faults, Population};
use serde_json::Value;

use super::claims::ended;
use crate::support::{Fleet, Outcome};

/// Calls per second, over all workers.
const RATE: usize = 40;

/// When calls left, in microseconds of the ledger's clock, as the log of these processes tells.
fn sent(workers: &[Outcome]) -> Vec<i64> {
    let lines = workers
        .iter()
        .flat_map(|worker| worker.standard_error.lines())
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut sent: Vec<_> = lines
        .filter(|line| line["fields"]["message"] == "call sent")
        .map(|line| line["fields"]["sent"].as_i64().expect("microseconds"))
        .collect();
    sent.sort_unstable();
    sent
}

/// The most calls within any second, wherever it begins.
fn fullest_second(sent: &[i64]) -> usize {
    let mut second = VecDeque::new();
    let mut fullest = 0;
    for call in sent {
        second.push_back(*call);
        while second
            .front()
            .is_some_and(|first| call - first >= 1_000_000)
        {
            second.pop_front();
        }
        fullest = fullest.max(second.len());
    }
    fullest
}

/// Fault 29. At the sender: what the network makes of it is another matter.
#[tokio::test(flavor = "multi_thread")]
async fn fault_29_eight_workers_together_never_exceed_one_limit() {
    let fleet = Fleet::new(Population::new(400, 90), Faults::default()).await;
    fleet.enqueue().await;
    let work = |_| {
        let mut command = fleet.work_command();
        command
            .args(["--rate", &RATE.to_string()])
            .env("FERRY_LOG__FORMAT", "json")
            .env("RUST_LOG", "info,ferry_worker::limiter=trace");
        tokio::spawn(Outcome::of(command))
    };
    let working: Vec<_> = (0..8).map(work).collect();
    let mut workers = Vec::new();
    for worker in working {
        workers.push(worker.await.unwrap());
    }
    for worker in &workers {
        worker.assert_says(0, &["worker left"]);
    }
    let sent = sent(&workers);
    assert!(sent.len() >= 400, "{} calls are told of", sent.len());
    assert!(fullest_second(&sent) <= RATE, "{}", fullest_second(&sent));
    fleet.assert_all_crossed().await;
}

/// Fault 28. How few 429s there are a minute later is a figure of `cargo xtask bench rates`; here,
/// that all workers follow, that nobody spends an attempt, and that all cross in the end.
#[tokio::test(flavor = "multi_thread")]
async fn fault_28_a_limit_that_falls_costs_no_session_an_attempt() {
    let limit = |per_second| Faults {
        migrate_per_second: Some(per_second),
        ..Faults::default()
    };
    let fleet = Fleet::new(Population::new(500, 91), limit(65)).await;
    fleet.enqueue().await;
    let workers = [0, 1].map(|_| {
        let mut command = fleet.work_command();
        command.args(["--rate", "65"]);
        command.spawn().expect("the binary starts")
    });
    fleet.crossing.until_minted(100).await;
    fleet.crossing.simulator.set_faults(limit(5));
    fleet.crossing.until_minted(150).await;
    let mut tables = fleet.tables().await;
    let spent: Option<i64> = sqlx::query_scalar("SELECT sum(attempts_spent)::bigint FROM sessions")
        .fetch_one(&mut tables)
        .await
        .unwrap();
    assert_eq!(spent, Some(0));
    let ledger = fleet.ledger().await;
    let budgets = ledger.budgets().await.expect("budgets");
    ledger.close().await;
    let lowered = budgets.iter().find(|row| row.name == BudgetName::Stytch);
    let lowered = lowered.map(|row| row.ceiling.rate(CeilingConfig::of(row.configured)));
    let lowered = lowered.expect("the budget").as_per_second();
    assert!(lowered < 65.0, "{lowered}");
    fleet.crossing.simulator.set_faults(Faults::default());
    for worker in workers {
        ended(worker).await.assert_says(0, &["worker left"]);
    }
    fleet.assert_all_crossed().await;
}

/// What is left of the ledger's answers while it is away: no permit, and no call.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_ledger_there_is_no_permit() {
    let mut fleet = Fleet::new(Population::new(3000, 92), Faults::default()).await;
    fleet.enqueue().await;
    let proxy = ferry_testbed::proxy::Proxy::before(&fleet.ledger_url).unwrap();
    let direct = fleet.ledger_url.clone();
    fleet.ledger_url = proxy.url(&direct).unwrap();
    let mut command = fleet.work_command();
    command.args(["--rate", "100"]);
    let worker = command.spawn().expect("the binary starts");
    fleet.crossing.until_minted(100).await;
    proxy.refuse().unwrap();
    proxy.cut();
    // What is in hand is used, at most a second of it, and what is under way comes back.
    let mut before = 0;
    loop {
        let minted = fleet.minted();
        if minted == before {
            break;
        }
        before = minted;
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    assert!(before < 3000, "all had crossed already");
    proxy.pass().unwrap();
    fleet.ledger_url = direct;
    ended(worker).await.assert_says(0, &["worker left"]);
    fleet.assert_all_crossed().await;
}
