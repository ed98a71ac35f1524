//! Stytch's HTTP API, as far as Ferry calls it, and it alone.
//!
//! One method a verb, the same for both of Stytch's APIs (B2B and Consumer, see [`Api`]); what came
//! of a call is told by meaning ([`ferry_core::outcome`]), never by a library's error type:
//!
//! | verb | what it does |
//! |---|---|
//! | [`Client::migrate`] | mints a session for a legacy access token |
//! | [`Client::list_sessions`] | lists a member's sessions, each with the attempt that minted it |
//! | [`Client::revoke`] | ends a session |
//! | [`Client::find_member`] | finds a member by organization and email |
//! | [`Client::organization`], [`Client::search_members`] | finds an organization, pages through its members |
//! | [`Client::create_member`] | creates a member that is missing |
//! | [`Client::whoami`] | tries the credentials |
//!
//! The vendor's own Rust SDK is not used: it sets no timeout, drops the response's headers (so
//! `Retry-After` is lost), loses the status of an error whose body is not JSON, and logs the tokens
//! it returns.
//!
//! **Nothing is retried here.** hyper's pool alone may pick another connection for a request of
//! which it has not written a byte.
//!
//! **No secret leaves through `Debug`, `Display`, an error or a log line.** At TRACE the HTTP stack
//! names hosts, sizes and states, no header and no body.

mod client;
mod endpoint;
mod failure;
mod members;
mod migrate;
mod minted;
mod organizations;
mod refusal;
mod reply;
mod session_jwt;
mod sessions;
mod whoami;

pub use client::{Api, Client, DEFAULT_CALL_TIMEOUT, DEFAULT_CONNECT_TIMEOUT, Settings};
pub use endpoint::{Endpoint, EndpointError, Environment};
pub use failure::Failure;
pub use ferry_http::ClientError;
pub use members::{Created, Member, NewMember};
pub use migrate::{ATTEMPT_CLAIM, MigrateRequest};
pub use organizations::{MemberPage, MemberSketch, Organization};
pub use sessions::ListedSession;
pub use whoami::Whoami;
