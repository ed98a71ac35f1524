//! `ferry serve`: tell how far all runs are, and change nothing.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use ferry_ledger::Ledger;
use ferry_queue::Queue;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio_util::sync::CancellationToken;

use crate::cli::{Global, ServeArgs};
use crate::exit::Exit;
use crate::health::{self, Checks};
use crate::metrics::{Metrics, Service};
use crate::place::{Place, place};
use crate::{stop, watchdog};

/// Unless told otherwise: the port that exporters of metrics take by custom.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);

pub(super) async fn execute(global: Global, args: ServeArgs) -> Result<Exit> {
    let loaded = global.load()?;
    let config = &loaded.config;
    let stop = stop::on_signals(None)?;
    let (ledger, queue) = look(place(config)?).await?;
    let service = Service::new(ledger.clone(), queue.clone(), config.rates.clone());
    let mut checks = Checks::new(CancellationToken::new()).ledger(health::question(&ledger));
    if let Some(queue) = &queue {
        checks = checks.queue(queue.clone());
    }
    let listen = args.listen.or(config.health.listen).unwrap_or(LISTEN);
    let metrics = Metrics::of_service(service);
    health::serve(listen, checks, move || metrics.text(), stop.clone()).await?;
    stop.cancelled().await;
    if let Some(queue) = queue {
        queue.close().await;
    }
    ledger.close().await;
    Ok(Exit::Done)
}

/// Beside whoever works there. The queue of one machine is in the process that works.
async fn look(place: Place) -> Result<(Ledger, Option<Queue>)> {
    match place {
        Place::Embedded { .. } => Ok((place.look().await?, None)),
        Place::Fleet(fleet) => {
            let mut rng = StdRng::try_from_rng(&mut rand::rngs::SysRng)?;
            let ledger = Ledger::connect(fleet.ledger, fleet.keys).await?;
            watchdog::watch_over(&ledger);
            Ok((ledger, Some(Queue::connect(fleet.queue, &mut rng).await?)))
        }
    }
}
