//! What a proxy does with its connections.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

/// The most that is read at once.
const PIECE: usize = 16 * 1024;
/// A request may come in pieces; so much of those before is kept to find it.
const KEPT: usize = 4 * 1024;
/// When no file is left for another connection, one may be soon.
const ACCEPT_AGAIN: Duration = Duration::from_millis(10);

/// What is done with the bytes of one direction.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Way {
    #[default]
    Pass,
    Swallow,
    Delay(Duration),
}

/// What the test wants.
#[derive(Default)]
pub(super) struct Rules {
    pub(super) to_server: Way,
    pub(super) to_client: Way,
    /// A connection ends when there is one more than when it began.
    pub(super) cuts: u64,
    /// The first connection with that request takes it.
    pub(super) lose_reply: Option<LoseReply>,
}

/// An answer to be lost.
pub(super) struct LoseReply {
    pub(super) request: Vec<u8>,
    pub(super) happened: oneshot::Sender<()>,
}

impl LoseReply {
    /// Whether the request is in what was sent, of which so many bytes are new.
    fn is_asked_for(&self, sent: &[u8], new: usize) -> bool {
        let length = self.request.len();
        let from = sent.len().saturating_sub(new + length.saturating_sub(1));
        // Not in those before alone: that request was not to be the one.
        length == 0
            || sent[from..]
                .windows(length)
                .any(|bytes| bytes == self.request)
    }
}

/// Accepts until it is aborted; the connections outlive that.
pub(super) async fn accept(
    listener: TcpListener,
    server: Arc<[SocketAddr]>,
    rules: Arc<watch::Sender<Rules>>,
) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_AGAIN).await;
            continue;
        };
        let line = Line {
            cuts: rules.borrow().cuts,
            rules: rules.clone(),
            lost: AtomicBool::new(false),
            losing: Mutex::new(None),
        };
        tokio::spawn(line.carry(client, server.clone()));
    }
}

/// A connection.
struct Line {
    rules: Arc<watch::Sender<Rules>>,
    cuts: u64,
    /// Bytes were swallowed.
    lost: AtomicBool,
    /// The server's next bytes are to be lost; who is told.
    losing: Mutex<Option<oneshot::Sender<()>>>,
}

impl Line {
    async fn carry(self, mut client: TcpStream, server: Arc<[SocketAddr]>) {
        let Ok(mut server) = TcpStream::connect(&*server).await else {
            reset(&client);
            return;
        };
        // Only the test makes it slow. Without it, it is slower and right.
        let _ = client.set_nodelay(true);
        let _ = server.set_nodelay(true);
        let is_closed = {
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            let both = async {
                tokio::try_join!(
                    self.requests(from_client, to_server),
                    self.replies(from_server, to_client),
                )
            };
            tokio::select! {
                // A cut is not to be late.
                biased;
                () = self.cut() => false,
                ended = both => ended.is_ok(),
            }
        };
        if is_closed {
            return;
        }
        if self.lost.load(Ordering::Relaxed) {
            // A black hole tells neither end that the other is gone.
            self.cut().await;
        }
        reset(&client);
        reset(&server);
    }

    async fn requests(&self, from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> io::Result<()> {
        let mut requests = Reader::new(self, from, |rules| rules.to_server);
        let mut sent = Vec::new();
        loop {
            let piece = requests.next().await?;
            if piece.is_empty() {
                return to.shutdown().await;
            }
            sent.extend_from_slice(piece);
            self.look_for_request(&sent, piece.len());
            sent.drain(..sent.len().saturating_sub(KEPT));
            to.write_all(piece).await?;
        }
    }

    async fn replies(&self, from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> io::Result<()> {
        let mut replies = Reader::new(self, from, |rules| rules.to_client);
        loop {
            let piece = replies.next().await?;
            if piece.is_empty() {
                return to.shutdown().await;
            }
            if let Some(happened) = self.losing().take() {
                // The test may not want to know.
                let _ = happened.send(());
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            to.write_all(piece).await?;
        }
    }

    fn look_for_request(&self, sent: &[u8], new: usize) {
        self.rules.send_if_modified(|rules| {
            let found = rules
                .lose_reply
                .take_if(|lose| lose.is_asked_for(sent, new));
            let is_found = found.is_some();
            if let Some(lose) = found {
                *self.losing() = Some(lose.happened);
            }
            is_found
        });
    }

    fn losing(&self) -> MutexGuard<'_, Option<oneshot::Sender<()>>> {
        self.losing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn cut(&self) {
        let mut rules = self.rules.subscribe();
        // There is no error while we have the sender.
        let _ = rules.wait_for(|rules| rules.cuts != self.cuts).await;
    }
}

/// The bytes of one direction that are to be passed on.
struct Reader<'a> {
    line: &'a Line,
    from: ReadHalf<'a>,
    way: fn(&Rules) -> Way,
    /// What follows swallowed bytes is swallowed, too.
    lost: bool,
    piece: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn new(line: &'a Line, from: ReadHalf<'a>, way: fn(&Rules) -> Way) -> Self {
        Self {
            line,
            from,
            way,
            lost: false,
            piece: vec![0; PIECE],
        }
    }

    /// The next of them, none at the end.
    async fn next(&mut self) -> io::Result<&[u8]> {
        loop {
            let read = self.from.read(&mut self.piece).await;
            match self.way_now()? {
                Way::Swallow => {
                    self.lost = true;
                    self.line.lost.store(true, Ordering::Relaxed);
                }
                Way::Pass => return Ok(&self.piece[..read?]),
                Way::Delay(by) => {
                    tokio::time::sleep(by).await;
                    return Ok(&self.piece[..read?]);
                }
            }
            if !read.is_ok_and(|length| length > 0) {
                // Nor does the other end hear of this end's end.
                return pending().await;
            }
        }
    }

    fn way_now(&self) -> io::Result<Way> {
        let rules = self.line.rules.borrow();
        if rules.cuts != self.line.cuts {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(if self.lost {
            Way::Swallow
        } else {
            (self.way)(&rules)
        })
    }
}

/// Its end, when it is dropped, is a reset.
fn reset(stream: &TcpStream) {
    // It may be gone already.
    let _ = stream.set_zero_linger();
}
