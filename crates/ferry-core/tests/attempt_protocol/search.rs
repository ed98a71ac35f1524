//! Breadth-first search through every state, with the way to each.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt::Write,
    hash::{BuildHasherDefault, Hasher},
};

use crate::{
    model::State,
    rules::Scenario,
    steps::{Step, Successors},
};

/// What a search has seen.
pub(crate) struct Explored {
    /// Each state in the order of its distance from the first one.
    pub(crate) states: Vec<State>,
    /// The kinds of step that were taken, a bit for each.
    pub(crate) acts: u64,
    /// How each state was first reached: from which other, by what.
    parents: Vec<Option<(u32, Step)>>,
    /// From which state to which a step leads that is no fault.
    sound_steps: Vec<(u32, u32)>,
}

impl Explored {
    /// Visits every state that can be reached; stops early at the first one that `is_wanted`, and
    /// gives its place.
    pub(crate) fn search(
        scenario: &Scenario,
        is_wanted: impl FnMut(&State) -> bool,
    ) -> (Self, Option<usize>) {
        Self::search_up_to(|state| state.canonical(scenario), scenario, is_wanted)
    }

    /// The same, where states of one `form` are taken for one.
    pub(crate) fn search_up_to(
        form: impl Fn(&State) -> State,
        scenario: &Scenario,
        mut is_wanted: impl FnMut(&State) -> bool,
    ) -> (Self, Option<usize>) {
        let mut explored = Self {
            states: Vec::new(),
            acts: 0,
            parents: Vec::new(),
            sound_steps: Vec::new(),
        };
        let mut seen = Seen::default();
        let first = State::first(scenario);
        explored.visit(seen.entry(form(&first)), first, None);
        let mut found = Vec::new();
        let mut place = 0;
        while let Some(state) = explored.states.get(place).copied() {
            if is_wanted(&state) {
                return (explored, Some(place));
            }
            successors(scenario, state, &mut found);
            for (step, next) in found.drain(..) {
                explored.follow(short(place), step, seen.entry(form(&next)), next);
            }
            place += 1;
        }
        (explored, None)
    }

    fn follow(&mut self, from: u32, step: Step, seen: Entry<'_, State, u32>, next: State) {
        let to = self.visit(seen, next, Some((from, step)));
        self.acts |= step.act.bit();
        if !step.act.is_fault() {
            self.sound_steps.push((from, to));
        }
    }

    fn visit(
        &mut self,
        seen: Entry<'_, State, u32>,
        state: State,
        parent: Option<(u32, Step)>,
    ) -> u32 {
        *seen.or_insert_with(|| {
            self.states.push(state);
            self.parents.push(parent);
            short(self.states.len() - 1)
        })
    }

    /// The first state, if there is one, from which no way without a further fault leads to a state
    /// that `is_goal`.
    pub(crate) fn stuck(&self, is_goal: impl Fn(&State) -> bool) -> Option<usize> {
        let into = Incoming::of(&self.sound_steps, self.states.len());
        let mut can_reach: Vec<bool> = self.states.iter().map(is_goal).collect();
        let mut open: Vec<u32> = (0..short(can_reach.len()))
            .filter(|place| can_reach[*place as usize])
            .collect();
        while let Some(place) = open.pop() {
            for from in into.sources(place) {
                if !can_reach[*from as usize] {
                    can_reach[*from as usize] = true;
                    open.push(*from);
                }
            }
        }
        can_reach.iter().position(|reaches| !reaches)
    }

    /// The shortest way to the state, a step a line, and the state.
    pub(crate) fn trace(&self, place: usize) -> String {
        let mut steps = Vec::new();
        let mut at = place;
        while let Some((parent, step)) = self.parents[at] {
            steps.push(step);
            at = parent as usize;
        }
        let mut text = String::new();
        for (number, step) in (1..).zip(steps.iter().rev()) {
            writeln!(text, "{number:4}. {step}").expect("a string takes every line");
        }
        let end = self.states[place];
        writeln!(text, "{:#?}\n{:#?}", end.ledger, end.stytch).expect("a string takes every line");
        text
    }
}

fn successors(scenario: &Scenario, state: State, found: &mut Vec<(Step, State)>) {
    let mut next = Successors {
        scenario,
        state,
        found,
    };
    next.of_worker(0);
    if state.workers[0] != state.workers[1] {
        next.of_worker(1);
    }
    next.of_surroundings();
    next.of_sweeper(0);
    next.of_sweeper(1);
}

/// The steps that lead into each state, gathered by their end.
struct Incoming {
    sources: Vec<u32>,
    /// Where the sources of each state begin, and after the last state the end.
    starts: Vec<u32>,
}

impl Incoming {
    fn of(steps: &[(u32, u32)], states: usize) -> Self {
        let mut starts = vec![0; states + 1];
        for (_, to) in steps {
            starts[*to as usize + 1] += 1;
        }
        for place in 0..states {
            starts[place + 1] += starts[place];
        }
        let mut free = starts.clone();
        let mut sources = vec![0; steps.len()];
        for (from, to) in steps {
            let slot = &mut free[*to as usize];
            sources[*slot as usize] = *from;
            *slot += 1;
        }
        Self { sources, starts }
    }

    fn sources(&self, place: u32) -> &[u32] {
        let place = place as usize;
        &self.sources[self.starts[place] as usize..self.starts[place + 1] as usize]
    }
}

fn short(place: usize) -> u32 {
    u32::try_from(place).expect("the scenarios' bounds keep the states below four thousand million")
}

type Seen = HashMap<State, u32, BuildHasherDefault<Mix>>;

/// A hash without defence against chosen keys: most of the search is hashing.
#[derive(Default)]
struct Mix(u64);

impl Mix {
    fn mix(&mut self, word: u64) {
        // The odd number nearest to 2^64 divided by the golden ratio spreads neighbours apart.
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.mix(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.mix(u64::from(byte));
    }

    fn write_usize(&mut self, word: usize) {
        self.mix(word as u64);
    }

    fn write_isize(&mut self, word: isize) {
        self.mix(word.cast_unsigned() as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}
