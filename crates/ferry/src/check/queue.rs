//! The broker, as it is.

use ferry_queue::{Inspection, Queue, QueueError, Settings};

use super::Code;
use super::report::Area;
use crate::shape::counted;

pub(super) async fn look(settings: &Settings) -> Area {
    let area = Area::new("queue");
    match Queue::inspect(settings).await {
        Ok(found) => of_found(area, &found),
        Err(error) => {
            let code = match error {
                _ if error.is_passing() => Code::QueueAway,
                QueueError::Blocked => Code::QueueBlocked,
                _ => Code::QueueRefused,
            };
            area.with(code, error.to_string())
        }
    }
}

fn of_found(area: Area, found: &Inspection) -> Area {
    let host = format!("virtual host {:?}", found.virtual_host);
    let area = match (found.exchange, found.work, found.dead) {
        (true, Some(work), Some(dead)) => area.told(format!(
            "{host}: {} due, {}",
            counted(work as u64, "message"),
            counted(dead as u64, "dead letter")
        )),
        (false, None, None) => area.told(format!(
            "{host}: no queues yet, the first worker makes them"
        )),
        (exchange, work, dead) => {
            let parts = [
                ("exchange", exchange),
                ("work queue", work.is_some()),
                ("dead-letter queue", dead.is_some()),
            ];
            let missing = parts
                .into_iter()
                .filter(|(_, there)| !there)
                .map(|(name, _)| name);
            let missing: Vec<_> = missing.collect();
            area.with(
                Code::QueueIncomplete,
                format!("missing: {}", missing.join(", ")),
            )
        }
    };
    if found.blocked {
        area.with(
            Code::QueueBlocked,
            "the broker has an alarm and takes no messages",
        )
    } else {
        area
    }
}
