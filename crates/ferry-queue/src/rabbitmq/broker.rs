//! What publisher and consumers share, and the publisher's connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use lapin::protocol::AMQPSoftError;
use lapin::{Channel, ErrorKind};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::{Mutex, Semaphore, watch};

use crate::counters::add;
use crate::rabbitmq::consumer::Consumer;
use crate::rabbitmq::link::{Link, LinkState, OPERATION_TIMEOUT, declare_passively, within};
use crate::rabbitmq::topology::{Topology, is};
use crate::{Counters, QueueError, Settings};

/// The broker, as all parts of a process see it. Publishing has a connection of its own: an alarm
/// stops everything on a connection that publishes, acknowledgements included.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) counters: Counters,
    pub(super) settings: Settings,
    pub(super) topology: Topology,
    /// The channel that publishes, while nobody does.
    pub(super) publishing: Mutex<Option<Channel>>,
    /// Batches for the mirror that wait for their turn.
    pub(super) mirroring: Arc<Semaphore>,
    link: Mutex<Option<Arc<Link>>>,
    state: StdMutex<Option<watch::Receiver<LinkState>>>,
    generation: AtomicU64,
    rng: StdMutex<StdRng>,
}

/// How long the broker may take to say how it is.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest prefix: names of queues have at most 255 bytes.
const LONGEST_PREFIX: usize = 100;
/// Batches of dead letters that wait for the mirror at once; each is a commit's.
const MIRROR_BATCHES: usize = 16;

impl Broker {
    /// Connects, and declares what is not there.
    pub(crate) async fn connect(
        settings: Settings,
        rng: &mut impl Rng,
    ) -> Result<Arc<Self>, QueueError> {
        check_prefix(&settings.prefix)?;
        let broker = Self {
            counters: Counters::default(),
            topology: Topology::new(&settings.prefix),
            settings,
            publishing: Mutex::default(),
            mirroring: Arc::new(Semaphore::new(MIRROR_BATCHES)),
            link: Mutex::default(),
            state: StdMutex::default(),
            generation: AtomicU64::new(0),
            rng: StdMutex::new(StdRng::from_rng(rng)),
        };
        broker.link().await?;
        Ok(Arc::new(broker))
    }

    /// A consumer with a connection of its own.
    pub(crate) async fn consume(self: &Arc<Self>, prefetch: usize) -> Result<Consumer, QueueError> {
        Consumer::subscribe(Arc::clone(self), prefetch).await
    }

    /// Grows with each connection of the publisher, and when a work queue had to be made.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Messages may have been lost.
    pub(super) fn next_generation(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether the publisher is blocked.
    pub(crate) fn is_blocked(&self) -> bool {
        let state = self.state.lock().expect("nothing panics while it holds it");
        state
            .as_ref()
            .is_some_and(|state| state.borrow().blocked_since.is_some())
    }

    /// How many messages are ready in the work queue.
    pub(crate) async fn depth(&self) -> Result<usize, QueueError> {
        self.count(&self.topology.work).await
    }

    /// Whether the work queue could take a message now.
    pub(crate) async fn health(&self) -> Result<(), QueueError> {
        if self.is_blocked() {
            return Err(QueueError::Blocked);
        }
        within(HEALTH_TIMEOUT, "asking after its health", self.depth()).await??;
        Ok(())
    }

    /// Closes the publisher's connection.
    pub(crate) async fn close(&self) {
        self.publishing.lock().await.take();
        let link = self.link.lock().await.take();
        if let Some(link) = link {
            link.close().await;
        }
    }

    /// A random generator of its own for a consumer.
    pub(super) fn fork_rng(&self) -> StdRng {
        let mut rng = self.rng.lock().expect("nothing panics while it holds it");
        StdRng::from_rng(&mut *rng)
    }

    /// The publisher's connection: the one at hand, or a new one on which everything is declared.
    pub(super) async fn link(&self) -> Result<Arc<Link>, QueueError> {
        let mut slot = self.link.lock().await;
        if let Some(link) = slot.as_ref().filter(|link| link.is_alive()) {
            return Ok(Arc::clone(link));
        }
        let rebuilt = self.generation() > 0;
        let link = Link::open(&self.settings, "publisher").await?;
        self.topology.ensure(&link.connection).await?;
        let link = Arc::new(link);
        *self.state.lock().expect("nothing panics while it holds it") = Some(link.state());
        *slot = Some(Arc::clone(&link));
        self.next_generation();
        if rebuilt {
            add(&self.counters.publisher_rebuilt, 1);
            tracing::info!("connected to the broker again, to publish");
        }
        Ok(link)
    }

    /// Gives up a connection that does not answer.
    pub(super) async fn discard(&self, link: &Arc<Link>) {
        let mut slot = self.link.lock().await;
        if slot
            .as_ref()
            .is_some_and(|at_hand| Arc::ptr_eq(at_hand, link))
        {
            slot.take();
        }
    }

    /// How many messages are ready in a queue, by a channel of its own: a queue that is missing
    /// closes it.
    pub(super) async fn count(&self, queue: &str) -> Result<usize, QueueError> {
        let link = self.link().await?;
        let asking = async {
            let channel = link.connection.create_channel().await?;
            let ready = declare_passively(&channel, queue).await?;
            channel.close(200, "done".into()).await?;
            Ok(ready)
        };
        let asked = link
            .patiently(OPERATION_TIMEOUT, "counting messages", asking)
            .await;
        match asked {
            Ok(ready) => Ok(ready),
            Err(error) => Err(self.judge(error, &link, queue).await),
        }
    }

    /// Names what is missing; gives up a connection on which something failed otherwise.
    pub(super) async fn judge(
        &self,
        error: QueueError,
        link: &Arc<Link>,
        name: &str,
    ) -> QueueError {
        match &error {
            QueueError::Lost(lost) if is(lost, &AMQPSoftError::NOTFOUND) => QueueError::Missing {
                name: name.to_owned(),
            },
            QueueError::Lost(lost) if matches!(lost.kind(), ErrorKind::InvalidChannelState(..)) => {
                // The channel alone, unless the connection says otherwise by itself.
                error
            }
            _ => {
                self.discard(link).await;
                error
            }
        }
    }
}

fn check_prefix(prefix: &str) -> Result<(), QueueError> {
    let fits = !prefix.is_empty()
        && prefix.len() <= LONGEST_PREFIX
        && prefix
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if fits {
        Ok(())
    } else {
        Err(QueueError::Prefix)
    }
}
