//! A Stytch API and an OIDC provider on loopback, with faults on demand and an audit.
//!
//! For whoever writes software against Stytch's migrate-session endpoint, and wants to see it
//! survive what cannot be ordered from the real one: expired tokens, limits, replies that are lost
//! after the session was minted. It is a stand-in: what it says is Stytch's documented form, with
//! every required field; what Stytch leaves open is a switch.
//!
//! ```
//! use ferry_sim::{Faults, Options, Population, Simulator};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), ferry_sim::Error> {
//! let options = Options { population: Population::realistic(1_000, 7), ..Options::default() };
//! let mut simulator = Simulator::start(options).await?;
//!
//! // Point your client at it, with `simulator.credentials()`.
//! assert!(simulator.base_url().starts_with("http://127.0.0.1:"));
//!
//! // Let every tenth reply get lost after the session was minted.
//! simulator.set_faults(Faults { cut_after_minting: 0.1, ..Faults::default() });
//!
//! // Afterwards: nobody may have two sessions where they had one.
//! assert_eq!(simulator.audit().extra_alive, 0);
//! simulator.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What there is
//!
//! | path | what |
//! |---|---|
//! | `/v1/b2b/…` | B2B: sessions (migrate, list, authenticate, revoke, key set), organizations (get), members (create, get, search) |
//! | `/v1/…` | Consumer: sessions (the same), users (create, get, search) |
//! | `/v1/debug/whoami` | whose credentials these are |
//! | `/oidc/…` | the legacy provider: discovery, UserInfo, `oauth/token` with refresh and rotation, keys |
//! | `/sim/faults` | GET and PUT [`Faults`]: the whole set, what is not named is off |
//! | `/sim/audit` | [`Audit`]: calls by endpoint and outcome, sessions by state, calls per second |
//! | `/sim/sessions` | every session that was minted, one [`MintedSession`] a line |
//! | `/sim/calls?last=N` | the last calls, [`CallRecord`] |
//! | `/sim/people/{subject}` | PUT [`PersonChange`]: log out, remove from Stytch, change an address |
//! | `/sim/legacy-sessions/{id}` | PUT `{"revoked": true}`: UserInfo refuses the session's tokens |
//! | `/sim/clock` | GET, and PUT `{"advance_seconds": N}` |
//!
//! Each of the `/sim` pages is a method of [`Simulator`] too. They ask for no credentials, and
//! neither they nor any `Debug` output holds a token.
//!
//! # People
//!
//! A [`Population`] is computed from a seed: the same on every machine, and ten million people take
//! no memory. [`export::write`] writes their legacy sessions as a program's export, of any size, and
//! tells exactly what it wrote, so that a test can compare the books. Legacy tokens carry their
//! session's number under a check, so a simulator knows those of every export of its population,
//! also one written by another process. The session JWTs of the Stytch side carry real RS256
//! signatures, by a key that is in this repository and worth nothing.
//!
//! # Time
//!
//! Sessions and tokens expire by the simulator's clock, which runs [`Options::time_scale`] times as
//! fast as the wall's and can be set forward. Limits per second, latencies and the list's lag are
//! the wall's, since they are about load.
//!
//! # Pointing the vendor's SDKs at it
//!
//! Use a `project-test-` id; serve from the root, since the SDKs drop a path in the base URL.
//!
//! | SDK | how |
//! |---|---|
//! | Python | `B2BClient(project_id=…, secret=…, environment="http://127.0.0.1:PORT/")`; `custom_base_url` insists on https |
//! | Node | `new stytch.B2BClient({ project_id, secret, env: "http://127.0.0.1:PORT/" })`, which warns; `custom_base_url` insists on https |
//! | Rust | `stytch::client::Client::new_with_base_url(id, secret, url, Vertical::B2B)`, then `b2b::client::Client::new_with_http_client` |
//! | Go | `b2bstytchapi.NewClient(id, secret, WithBaseURI("http://127.0.0.1:PORT"))`; it fetches the key set when it is made |
//!
//! # What it cannot tell
//!
//! Stytch publishes the names of its errors, not all of their statuses, and no limit for migrate.
//! Where nothing is published, the simulator takes the likelier form; decide by `error_type`, and
//! take nothing here as proof of what Stytch does there:
//!
//! - `migrate_from_external_unexpected_response` and `…_missing_userinfo` come with 400,
//!   `…_email_does_not_exist` with 404;
//! - a migrated session carries the factor `imported` / `imported_auth0` whatever the provider;
//! - pending and invited members are migrated like active ones, deleted ones are not found;
//! - a Consumer migrate without a duration answers with an empty token and mints nothing;
//! - revoking a session that is already over succeeds.
//!
//! The legacy tokens' signatures are as long as real ones and prove nothing to others; the
//! provider's key set is there to be fetched, and no legacy token verifies with it.

mod admin;
mod audit;
mod clock;
mod directory;
mod draw;
mod error;
pub mod export;
mod faults;
mod gate;
mod key;
mod oidc;
mod options;
mod population;
mod reply;
mod router;
mod serve;
mod sessions;
mod simulator;
mod stytch;
mod world;

pub use audit::{Audit, CallRecord, MintedSession, SessionCounts, Window, Windows};
pub use directory::{MemberStatus, PersonChange};
pub use error::Error;
pub use faults::{Faults, ReservedClaims, RetryAfter};
pub use options::{Credentials, Options, Refresh};
pub use population::{Condition, LegacySession, Organization, Person, Population};
pub use sessions::{Api, SessionState};
pub use simulator::{Simulator, run};
