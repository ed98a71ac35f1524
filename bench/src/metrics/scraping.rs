//! Scrapes by plain HTTP.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Longer than any scrape may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A port of loopback that was free a moment ago.
pub(super) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// What `/metrics` says now.
pub(super) fn scrape(address: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: ferry\r\nConnection: close\r\n\r\n")?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    let (head, body) = reply.split_once("\r\n\r\n").context("an HTTP reply")?;
    anyhow::ensure!(head.starts_with("HTTP/1.1 200"), "no metrics: {head}");
    Ok(body.to_owned())
}

/// Scrapes once a second, as Prometheus would be asked to at the most, until it is dropped.
pub(super) struct Scraper {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<u32>>,
}

impl Scraper {
    pub(super) fn start(address: SocketAddr) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let mut scrapes = 0;
            while !told.load(Ordering::Relaxed) {
                scrapes += u32::from(scrape(address).is_ok());
                thread::sleep(Duration::from_secs(1));
            }
            scrapes
        });
        Self {
            is_over,
            thread: Some(thread),
        }
    }

    /// Ends it; how many scrapes were answered.
    pub(super) fn end(mut self) -> Result<u32> {
        self.is_over.store(true, Ordering::Relaxed);
        let thread = self.thread.take().context("it is ended once")?;
        thread.join().ok().context("the scraper panicked")
    }
}

impl Drop for Scraper {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}
