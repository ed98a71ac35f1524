//! The legacy provider's HTTP, as far as Ferry calls it, and it alone: `OpenID` Connect discovery and
//! UserInfo.
//!
//! [`Probe::ask`] shows UserInfo an access token, as Stytch does, and tells what it says of it as a
//! [`Verdict`]: so a token that is dead is told from a provider that is busy or down.
//!
//! No `OpenID` Connect library is used: the two calls need no key, no signature and no login, and
//! those libraries bring the cryptography for all three.
//!
//! **Nothing is retried here**, and no secret leaves through `Debug`, `Display`, an error or a log
//! line.

mod discovery;
mod issuer;
mod probe;
mod reply;
mod wait;

pub use discovery::DiscoveryError;
pub use ferry_core::decide::Verdict;
pub use ferry_http::ClientError;
pub use issuer::{Issuer, IssuerError};
pub use probe::{Probe, Settings};
