//! Which hosts are this machine's own.

use url::Host;

/// The host is this machine: `127.0.0.0/8`, `::1`, `localhost`. What goes there crosses no wire, so
/// it may go without TLS.
pub fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}
