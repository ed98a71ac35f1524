//! Free ports.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// So many different ports of loopback that nobody uses at this moment.
pub fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    // All at once, so that they differ.
    let listeners: Vec<TcpListener> = (0..N)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<io::Result<_>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

/// Whether somebody listens there.
pub(crate) fn listens(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}
