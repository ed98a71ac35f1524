//! The simulator as its user holds it.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::audit::{Audit, CallRecord, MintedSession};
use crate::clock::timestamp;
use crate::directory::PersonChange;
use crate::error::Error;
use crate::export::ExportOptions;
use crate::faults::Faults;
use crate::options::{Credentials, Options};
use crate::population::Population;
use crate::world::World;
use crate::{router, serve};

/// A simulator that serves in the background until it is stopped or dropped.
pub struct Simulator {
    base_url: String,
    address: SocketAddr,
    world: Arc<World>,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Binds the address and serves. Needs a Tokio runtime.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let address = options.address;
        if !address.ip().is_loopback() {
            return Err(Error::NotLoopback(address));
        }
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| Error::Bind { address, source })?;
        Self::on(listener, options)
    }

    /// Serves on a listener that is already bound, to loopback.
    pub fn on(listener: TcpListener, options: Options) -> Result<Self, Error> {
        options.check()?;
        let address = listener.local_addr().map_err(Error::Listener)?;
        if !address.ip().is_loopback() {
            return Err(Error::NotLoopback(address));
        }
        let base_url = format!("http://{address}");
        let world = Arc::new(World::new(&base_url, options));
        let (stop, stopped) = oneshot::channel();
        let router = router::router(Arc::clone(&world));
        // An error means that the sender was dropped: the same as being told to stop.
        let shutdown = async { stopped.await.unwrap_or(()) };
        let served = tokio::spawn(serve::serve(listener, router, shutdown));
        Ok(Self {
            base_url,
            address,
            world,
            stop: Some(stop),
            served: Some(served),
        })
    }

    /// Stops serving and cuts all connections. What was minted stays in the audit.
    pub async fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(served) = self.served.take() {
            // It ends with a panic only if the server did, which has been reported already.
            let _ = served.await;
        }
    }

    /// `http://127.0.0.1:PORT`, without a slash at its end. Stytch's SDKs want one: see the crate's
    /// documentation.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The issuer of the OIDC provider; its configuration is at
    /// `{issuer}/.well-known/openid-configuration`.
    pub fn issuer(&self) -> &str {
        &self.world.issuer
    }

    /// Who may call.
    pub fn credentials(&self) -> &Credentials {
        self.world.access.credentials()
    }

    /// Who exists.
    pub fn population(&self) -> &Population {
        &self.world.population
    }

    /// What the simulator's clock shows.
    pub fn now(&self) -> Timestamp {
        timestamp(self.world.clock.now().div_euclid(1000))
    }

    /// Sets the simulator's clock forward.
    pub fn advance(&self, by: Duration) {
        self.world.clock.advance(by);
    }

    /// How to write an export whose tokens this simulator takes, as of now.
    pub fn export_options(&self) -> ExportOptions {
        ExportOptions::new(self.issuer(), self.now())
    }

    /// A legacy access token of a session that expires so many seconds from now.
    pub fn access_token(&self, session: u64, expires_in_seconds: i64) -> String {
        let expires_at = self.now().as_second().saturating_add(expires_in_seconds);
        let expires_at = u64::try_from(expires_at).unwrap_or(0);
        self.population()
            .access_token(session, self.issuer(), expires_at)
    }

    /// What goes wrong now.
    pub fn faults(&self) -> Faults {
        (*self.world.faults()).clone()
    }

    /// Changes what goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.world.set_faults(faults);
    }

    /// Changes a person of the population, by legacy subject; whether there is one.
    pub fn change_person(&self, subject: &str, change: PersonChange) -> bool {
        self.world.directory.change(subject, change)
    }

    /// Has the legacy provider refuse (or take again) the tokens of one legacy session, by its
    /// number.
    pub fn set_legacy_session_revoked(&self, session: u64, revoked: bool) {
        self.world.provider.set_revoked(session, revoked);
    }

    /// The books.
    pub fn audit(&self) -> Audit {
        Audit::take(
            &self.world.sessions,
            &self.world.calls,
            self.world.clock.now(),
        )
    }

    /// Every session that was minted. For millions, read `/sim/sessions` as a stream instead.
    pub fn sessions(&self) -> Vec<MintedSession> {
        let mut numbered = Vec::new();
        self.world
            .sessions
            .for_each(|number, record| numbered.push((number, record.clone())));
        numbered
            .iter()
            .map(|(number, record)| MintedSession::of(&self.world, *number, record))
            .collect()
    }

    /// The last calls, oldest first; at most ten thousand.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.world.calls.last(usize::MAX)
    }
}

/// Serves on a listener until `shutdown` is ready.
pub async fn run(
    listener: TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let mut simulator = Simulator::on(listener, options)?;
    shutdown.await;
    simulator.stop().await;
    Ok(())
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Simulator")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}
