//! How Ferry calls a server that gets to see secrets: Stytch, and the legacy provider.
//!
//! | module | what it knows |
//! |---|---|
//! | `client` | the one HTTP client: no redirects, no proxies, no retries, timeouts |
//! | `tls` | the one TLS stack |
//! | `address` | which hosts are this machine's own, and so may be called without TLS |
//! | `transport` | what an error of the HTTP stack says about the request: was it sent? |
//! | `body` | a bounded body, in a buffer that is wiped |
//! | `retry_after` | `Retry-After`, in both of its forms |
//!
//! What a status means is the caller's to know.
//!
//! **No secret leaves through `Debug`, `Display`, an error or a log line.** At TRACE the HTTP stack
//! names hosts, sizes and states, no header and no body.

mod address;
mod body;
mod client;
mod retry_after;
mod secret_buffer;
mod tls;
mod transport;

pub use address::is_loopback;
pub use body::{BodyFault, body};
pub use client::{ClientError, ClientSettings, client};
pub use retry_after::retry_after;
pub use secret_buffer::SecretBuffer;
pub use transport::Fault;
