//! Every way in which Ferry's attempts can interleave with crashes, losses, pauses and the sweep,
//! searched to the end within small bounds.
//!
//! `model` holds the states, `ledger`, `worker`, `sweeper` and `surroundings` the steps between
//! them, `properties` what must be true, `search` the search. `rules` names what is played: each
//! rule of the protocol has its broken forms beside it, and a test that shows what they break, for
//! a model that cannot find a hole proves nothing.

mod attempts;
mod broken_rules;
mod ledger;
mod model;
mod promises;
mod properties;
mod rules;
mod search;
mod steps;
mod surroundings;
mod sweeper;
mod symmetry;
mod worker;

use properties::Breach;
use rules::Scenario;
use search::Explored;

/// Searches the scenario to its end: no promise is broken in any state, and from each the run can
/// still be finished without a further fault.
#[track_caller]
fn assert_keeps_promises(scenario: &Scenario) -> Explored {
    let is_broken = |breach: &Breach, state: &_| breach.is_in(scenario, state);
    let (explored, breached) = Explored::search(scenario, |state| {
        Breach::ALL.iter().any(|breach| is_broken(breach, state))
    });
    println!("{} states visited", explored.states.len());
    if let Some(place) = breached {
        let state = &explored.states[place];
        let breach = Breach::ALL.iter().find(|breach| is_broken(breach, state));
        panic!("{breach:?} after\n{}", explored.trace(place));
    }
    let stuck = explored.stuck(|state| properties::is_finished(scenario, state));
    if let Some(place) = stuck {
        panic!("no way to a finished run after\n{}", explored.trace(place));
    }
    explored
}

/// Searches the scenario until the promise is broken, and prints the shortest way there.
#[track_caller]
fn assert_breaks(scenario: &Scenario, breach: Breach) {
    let (explored, breached) = Explored::search(scenario, |state| breach.is_in(scenario, state));
    println!("{} states visited", explored.states.len());
    let place = breached.unwrap_or_else(|| panic!("no way leads to {breach:?}"));
    println!("{breach:?} after\n{}", explored.trace(place));
}
