//! The real binary, from the outside: what an operator sees, and what the simulator's audit finds.
//!
//! | module | what it shows |
//! |---|---|
//! | `crossing` | an export crosses, once, whatever Stytch does |
//! | `crash` | killed at random moments, and at each step between claim and acknowledgement |
//! | `control` | runs are listed, paused, resumed and cancelled beside whoever works on them |
//! | `dead` | what could not be carried is listed, shown, exported, put aside, replayed |
//! | `parked` | who died of a missing member goes again once it exists |
//! | `members` | members that are missing at Stytch: dead as such, or created |
//! | `probe` | what the legacy provider says of a token that Stytch could not use |
//! | `fleet` | processes that share PostgreSQL and RabbitMQ |
//! | `replies` | replies that tell nothing, look-ups that fail |
//! | `secrecy` | no token leaves its sealed place |
//! | `bad_export` | exports that cannot be read, or not to their end |
//! | `bad_row` | rows that are no sessions are counted, and told by line, column and reason |
//! | `bad_folder` | a data folder in use, not ours, or full; a key ring that does not fit |
//! | `bad_stytch` | a Stytch that is away, something else, or not the one that was meant |
//! | `rates` | rates, waits and outages: what Stytch says is obeyed, and costs no session |
//! | `configuration` | where settings come from, which are refused, and what is shown of them |
//! | `rate_settings` | which rates are refused, which are in force, and who expires at them |
//! | `health` | what a worker answers to who watches over it |
//! | `metrics` | what Prometheus scrapes, what the dashboards show of it, and what raises an alert |
//! | `logs` | the page that tells of every message |
//! | `keys` | a fresh key ring, and the files that give one |
//! | `deploy` | the files that start Ferry, against those who read them and the binary that they start |
//! | `verify` | a run is proved, in the ledger and at Stytch; a fleet's from the export to the report |
//! | `lookup` | from a legacy session to its Stytch session, and back |
//! | `mapping_export` | mappings in a file, with tokens only by leave; what is wiped |
//! | `run_report` | a run in full, in four forms |
//! | `init` | files to begin with; manners of all commands |
//! | `operations` | the page on operations, executed as it is written |
//! | `plan` | what an export would come to, without a call |
//! | `check` | what would go wrong, before anything is called; and that looking changes nothing |
//! | `pages` | what each command tells people, in 80 columns, and programs, as documented |
//! | `shown` | help, the report for people, the demonstration |

#![expect(clippy::unwrap_used, reason = "a test whose set-up fails is to fail")]

mod bad_export;
mod bad_folder;
mod bad_row;
mod bad_stytch;
mod check;
mod configuration;
mod control;
mod crash;
mod crossing;
mod dead;
mod deploy;
mod fleet;
mod health;
mod init;
mod keys;
mod logs;
mod lookup;
mod mapping_export;
mod members;
mod metrics;
mod operations;
mod pages;
mod parked;
mod plan;
mod probe;
mod rate_settings;
mod rates;
mod replies;
mod run_report;
mod secrecy;
mod shown;
mod support;
mod verify;
