//! A limit that is known.

use std::time::Duration;

use anyhow::{Result, ensure};
use ferry_sim::Window;

use super::RateRow;
use super::sender::{fullest_second, lateness};
use super::workers::Workers;
use crate::figure::float;
use crate::fleet::{Bench, registering};
use crate::measurement::Goal;

/// Starting, connecting, the first messages: not looked at.
const WARM_UP: Duration = Duration::from_secs(5);

/// At five calls a second, eight workers have less than one each.
const SLOW: u32 = 5;

/// So many workers, for so long.
pub(crate) async fn measure(
    bench: &Bench<'_>,
    limit: u32,
    processes: u32,
    length: Duration,
) -> Result<RateRow> {
    let simulator = bench.simulator()?;
    let mut fleet = bench.fleet(&simulator, "paced").await?;
    registering::enqueue(bench, &mut fleet, (&bench.export, bench.scale.sessions)).await?;
    let workers = Workers::start(&fleet, processes, limit)?;
    std::thread::sleep(WARM_UP + length + Duration::from_secs(2));
    let audit = simulator.audit().await?;
    let mut sent = workers.end()?;
    fleet.leave().await?;
    let achieved = steady(&audit.windows.recent, length)?;
    let fullest_sent = fullest_second(&mut sent);
    let wanted = if limit == SLOW && processes > 1 {
        90
    } else {
        95
    };
    let share = achieved / f64::from(limit);
    Ok(RateRow {
        part: "a known limit",
        processes,
        requested: limit,
        allowed: None,
        achieved,
        fullest_sent: Some(fullest_sent),
        fullest_received: audit.windows.busiest_sliding_migrate,
        late_milliseconds: lateness(&sent),
        refused: 0.0,
        goals: vec![
            Goal {
                wanted: "never above the limit at the sender",
                measured: format!("{fullest_sent} in the fullest second"),
                met: fullest_sent <= limit as usize,
            },
            Goal {
                wanted: if wanted == 90 {
                    "at least 90 % of the limit"
                } else {
                    "at least 95 % of the limit"
                },
                measured: format!("{:.1} %", share * 100.0),
                met: share * 100.0 >= f64::from(wanted),
            },
        ],
    })
}

/// Migrate calls per second over `length`, from the end of the warm-up on.
fn steady(seconds: &[Window], length: Duration) -> Result<f64> {
    let first = seconds.iter().find(|second| second.migrate > 0);
    ensure!(first.is_some(), "the simulator was never called");
    let begin = first.map_or(0, |first| first.second) + whole_seconds(WARM_UP);
    let end = begin + whole_seconds(length);
    let looked_at = seconds
        .iter()
        .filter(|second| (begin..end).contains(&second.second));
    let calls: u64 = looked_at.map(|second| u64::from(second.migrate)).sum();
    Ok(float(calls) / length.as_secs_f64())
}

fn whole_seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_without_a_call_count_too() {
        let window = |second, migrate| Window {
            second,
            migrate,
            ..Window::default()
        };
        let seconds = [
            window(100, 9),
            window(105, 10),
            window(107, 10),
            window(115, 10),
        ];
        let rate = steady(&seconds, Duration::from_secs(10)).unwrap();
        assert!((rate - 2.0).abs() < f64::EPSILON, "{rate}");
        assert!(steady(&[], WARM_UP).is_err());
    }
}
