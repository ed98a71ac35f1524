//! What every ledger must do, whichever database is behind it.
//!
//! A case is a function that takes a [`bench::Bench`]: an opened, empty ledger with a clock that
//! stands still until it is moved. `on_every_backend!` makes one test per backend of it; a backend
//! is one line in `backends` and a way to open a fresh database there.
//!
//! | module | what it shows |
//! |---|---|
//! | `register` | rows are counted, duplicates are told, rejects are kept |
//! | `revive` | a newer token brings a session into the newer run |
//! | `due` | who is called next |
//! | `expire` | who is not called any more |
//! | `claim` | one holder at a time, with all it needs |
//! | `record` | each end of an attempt |
//! | `fenced_out` | results that come too late, or twice |
//! | `sweep` | attempts of unknown outcome, from listed to closed |
//! | `members` | where the sweeper looks, and what it revokes there |
//! | `runs` | from registering to finished |
//! | `cancel` | a run that is given up |
//! | `dead` | what is dead: counted, listed, put aside |
//! | `replay` | dead sessions get another chance |
//! | `park` | dead sessions go again once their member exists |
//! | `foreign` | messages that are not ours |
//! | `budgets` | rates that all workers share |
//! | `subjects` | how often one person may be asked about |
//! | `watch` | one cause in many sessions pauses their run |
//! | `lookups` | what is looked up, proved, drawn and wiped once a run is over |
//! | `roles` | what one process at a time does |
//! | `report` | books, failures, audit |
//! | `survey` | how all runs stand |
//! | `open` | which ledgers and which keys are refused |
//! | `seal` | what is secret at rest |
//! | `histories` | all verbs in any order |
//! | `sqlite_file` | what only a file can get wrong |
//! | `many_processes` | what only a server lets several do at once |
//! | `server_faults`, `server_tls` | what only a server can get wrong |

/// Makes one test per backend of each case.
macro_rules! on_every_backend {
    ($($case:ident),+ $(,)?) => {
        on_backend!(sqlite, $($case),+);
        on_backend!(postgres, $($case),+);
    };
    (search $case:ident) => {
        search_on_backend!(sqlite, $case, 64);
        // A fresh database and each of its commits take longer there.
        search_on_backend!(postgres, $case, 16);
    };
}

/// Makes the tests of one backend: `super::$case` with a bench from `backends::$backend`.
macro_rules! on_backend {
    ($backend:ident, $($case:ident),+) => {
        mod $backend {
            $(
                #[tokio::test]
                async fn $case() -> Result<(), ferry_ledger::LedgerError> {
                    super::$case(&mut crate::backends::$backend().await).await
                }
            )+
        }
    };
}

/// The same for a case that opens so many benches.
macro_rules! search_on_backend {
    ($backend:ident, $case:ident, $benches:literal) => {
        mod $backend {
            #[test]
            fn $case() {
                super::$case(crate::backends::$backend, $benches);
            }
        }
    };
}

mod backends;
mod bench;
mod budgets;
mod cancel;
mod claim;
mod clock;
mod dead;
mod due;
mod ends;
mod expire;
mod fenced_out;
mod foreign;
mod histories;
mod lookups;
mod many_processes;
mod members;
mod open;
mod park;
mod people;
mod record;
mod register;
mod replay;
mod report;
mod revive;
mod roles;
mod runs;
mod seal;
mod server;
mod server_faults;
mod server_tls;
mod sqlite_file;
mod subjects;
mod survey;
mod sweep;
mod tables;
mod watch;
