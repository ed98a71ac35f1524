//! `/metrics`, scraped by Debian's Prometheus: what the dashboards show and the alerts ask for.

mod crossing;
mod files;
mod lint;
mod prometheus;
mod queries;
mod serve;

/// A free port of this machine. Somebody else may be faster; then who needs it says so.
fn free_address() -> &'static str {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    // A handful in a test's life.
    Box::leak(address.into_boxed_str())
}
