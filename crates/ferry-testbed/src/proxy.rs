//! A network to be rough with: a proxy that cuts, swallows, delays and refuses.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use url::Url;

use crate::TestbedError;

mod connection;

use connection::{LoseReply, Rules, Way, accept};

/// So many may wait to be accepted, as with the standard library's listener.
const BACKLOG: u32 = 128;

/// Which bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Those of the client.
    ToServer,
    /// Those of the server.
    ToClient,
    /// All.
    Both,
}

/// A proxy before a server, on a port of loopback. It passes everything until it is told
/// otherwise; what it is told holds for all that is sent afterwards. It ends, with its
/// connections, when it is dropped.
///
/// It has a thread of its own: it also serves a test that blocks, or that has paused its clock.
pub struct Proxy {
    address: SocketAddr,
    server: Arc<[SocketAddr]>,
    rules: Arc<watch::Sender<Rules>>,
    door: Mutex<Door>,
    /// There until it is dropped.
    runtime: Option<Runtime>,
}

enum Door {
    Open(JoinHandle<()>),
    /// Nobody listens; the socket keeps the port.
    Closed(TcpSocket),
    /// Something failed on the way from one to the other.
    Broken,
}

impl Proxy {
    /// Before the server at this address, such as `(host, port)`.
    pub fn to(server: impl ToSocketAddrs) -> Result<Self, TestbedError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("ferry-proxy")
            .enable_all()
            .build()?;
        let socket = keep_port(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let proxy = Self {
            address: socket.local_addr()?,
            server: server.to_socket_addrs()?.collect(),
            rules: Arc::default(),
            door: Mutex::new(Door::Closed(socket)),
            runtime: Some(runtime),
        };
        proxy.pass()?;
        Ok(proxy)
    }

    /// Before the server that a URL names with its host and port.
    pub fn before(url: &str) -> Result<Self, TestbedError> {
        let url = parse(url)?;
        let port = url.port().ok_or(TestbedError::Url("it names no port"))?;
        let host = url
            .host_str()
            .ok_or(TestbedError::Url("it names no host"))?;
        // A URL has an address of IPv6 in brackets.
        Self::to((host.trim_matches(['[', ']']), port))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A server's URL, with the proxy's address in place of the server's.
    pub fn url(&self, servers: &str) -> Result<String, TestbedError> {
        let mut url = parse(servers)?;
        url.set_ip_host(self.address.ip())
            .and_then(|()| url.set_port(Some(self.address.port())))
            .map_err(|()| TestbedError::Url("it cannot name a host"))?;
        Ok(url.into())
    }

    /// Passes everything and accepts new connections, as at first. A connection that has lost
    /// bytes stays a black hole: no network gives the later bytes without those before.
    pub fn pass(&self) -> Result<(), TestbedError> {
        self.rules.send_modify(|rules| {
            *rules = Rules {
                cuts: rules.cuts,
                ..Rules::default()
            };
        });
        let mut door = self.door();
        if let Door::Open(_) = *door {
            return Ok(());
        }
        if let Door::Closed(socket) = std::mem::replace(&mut *door, Door::Broken) {
            let _inside = self.runtime().enter();
            let listener = socket.listen(BACKLOG)?;
            let accepting = accept(listener, self.server.clone(), self.rules.clone());
            *door = Door::Open(tokio::spawn(accepting));
        }
        Ok(())
    }

    /// Ends all connections with a reset, at both ends. New ones are accepted.
    pub fn cut(&self) {
        self.rules.send_modify(|rules| rules.cuts += 1);
    }

    /// Reads what is sent there and passes none of it on, nor that an end has closed: the other
    /// end waits for ever.
    pub fn swallow(&self, direction: Direction) {
        self.set(direction, Way::Swallow);
    }

    /// Passes on so much later.
    pub fn delay(&self, direction: Direction, by: Duration) {
        self.set(direction, Way::Delay(by));
    }

    /// Has new connections refused, as by a server that is down. Those there are go on.
    pub fn refuse(&self) -> Result<(), TestbedError> {
        let mut door = self.door();
        if let Door::Closed(_) = *door {
            return Ok(());
        }
        if let Door::Open(accepting) = std::mem::replace(&mut *door, Door::Broken) {
            let (tell, closed) = mpsc::channel();
            self.runtime().spawn(async move {
                accepting.abort();
                let _ = accepting.await;
                tell.send(())
            });
            // An error would mean the same: there is no task left.
            let _ = closed.recv();
        }
        *door = Door::Closed(keep_port(self.address)?);
        Ok(())
    }

    /// Loses the answer to the next request that contains these bytes, up to 4 KiB: passes the
    /// request on, waits until the server begins to answer, and resets the connection instead of
    /// passing that on. A client that waits for each answer cannot know whether the server did what
    /// it was asked; `b"COMMIT"` is the request to try.
    ///
    /// What is returned resolves when that has happened.
    pub fn cut_after_request_containing(&self, bytes: &[u8]) -> oneshot::Receiver<()> {
        let (happened, happens) = oneshot::channel();
        let lose = LoseReply {
            request: bytes.to_vec(),
            happened,
        };
        self.rules
            .send_modify(|rules| rules.lose_reply = Some(lose));
        happens
    }

    fn set(&self, direction: Direction, way: Way) {
        self.rules.send_modify(|rules| {
            if direction != Direction::ToClient {
                rules.to_server = way;
            }
            if direction != Direction::ToServer {
                rules.to_client = way;
            }
        });
    }

    fn door(&self) -> MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it is there until the drop")
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("address", &self.address)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A test's own runtime does not let us wait in here.
            runtime.shutdown_background();
        }
    }
}

fn parse(url: &str) -> Result<Url, TestbedError> {
    Url::parse(url).map_err(|_| TestbedError::Url("it cannot be read"))
}

/// A port that nobody listens at and nobody else gets. Connections that were accepted at it
/// before do not matter.
fn keep_port(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
