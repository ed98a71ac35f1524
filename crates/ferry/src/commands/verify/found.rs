//! What was found.

use std::fmt::Write;

use anyhow::Result;
use ferry_core::books::Books;
use ferry_core::state::RunState;
use ferry_ledger::Ledger;
use ferry_ledger::mappings::Mapping;
use ferry_ledger::runs::Run;
use ferry_ledger::verify::MappingBooks;
use serde::Serialize;

use crate::exit::Exit;

/// More examples are no help, and would not fit into memory if all were wrong.
const EXAMPLES: usize = 100;
/// So many of them are shown to people.
const SHOWN: usize = 5;

/// What can be wrong with a Stytch session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fault {
    /// It is not among the member's live sessions.
    NotAlive,
    /// Stytch knows no such member in that organization.
    MemberGone,
    /// It ends before the mapping says so.
    EndsEarly,
}

/// What was found; its JSON form is documented in docs/report.md.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    run: String,
    state: RunState,
    well: bool,
    books: Books,
    balance: bool,
    mappings: MappingBooks,
    at_stytch: AtStytch,
    examples: Vec<Example>,
}

#[derive(Debug, Default, Serialize)]
struct AtStytch {
    asked: u64,
    alive: u64,
    over: u64,
    not_answered: u64,
    not_alive: u64,
    member_gone: u64,
    ends_early: u64,
}

#[derive(Debug, Serialize)]
struct Example {
    fault: Fault,
    row: u64,
    legacy_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<String>,
    member_id: String,
    member_session_id: String,
}

impl Found {
    pub(super) async fn in_ledger(ledger: &Ledger, run: &Run) -> Result<Self> {
        let books = ledger.books(run.id).await?;
        let mappings = ledger.mapping_books(run.id).await?;
        Ok(Self {
            run: run.name.clone(),
            state: run.state,
            well: books.balance() && mappings.fit(),
            books,
            balance: books.balance(),
            mappings,
            at_stytch: AtStytch::default(),
            examples: Vec::new(),
        })
    }

    /// How many mappings there are to ask for.
    pub(super) fn in_force(&self) -> u64 {
        self.mappings.in_force
    }

    pub(super) fn alive(&mut self) {
        self.at_stytch.asked += 1;
        self.at_stytch.alive += 1;
    }

    /// It ended, or was revoked, while it was asked for.
    pub(super) fn over(&mut self) {
        self.at_stytch.asked += 1;
        self.at_stytch.over += 1;
    }

    pub(super) fn not_answered(&mut self) {
        self.at_stytch.asked += 1;
        self.at_stytch.not_answered += 1;
    }

    pub(super) fn wrong(&mut self, fault: Fault, mapping: &Mapping) {
        self.well = false;
        self.at_stytch.asked += 1;
        *match fault {
            Fault::NotAlive => &mut self.at_stytch.not_alive,
            Fault::MemberGone => &mut self.at_stytch.member_gone,
            Fault::EndsEarly => &mut self.at_stytch.ends_early,
        } += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(Example {
                fault,
                row: mapping.source_row,
                legacy_key: mapping.legacy_key.to_string(),
                organization_id: mapping.organization_id.clone(),
                member_id: mapping.member_id.clone(),
                member_session_id: mapping.member_session_id.clone(),
            });
        }
    }

    pub(super) fn exit(&self) -> Exit {
        if !self.well {
            Exit::Wrong
        } else if self.at_stytch.not_answered > 0 {
            Exit::TryLater
        } else {
            Exit::Done
        }
    }

    pub(super) fn print(&self, json: bool) -> Result<()> {
        if json {
            println!("{}", serde_json::to_string(self)?);
        } else {
            print!("{}", self.text());
        }
        Ok(())
    }

    fn text(&self) -> String {
        let mut page = format!("run {}: {}\n", self.run, self.state);
        let verdict = if self.balance {
            "rows in the export: the books balance"
        } else {
            "rows in the export: THE BOOKS DO NOT BALANCE"
        };
        let counts = [
            (self.books.exported, verdict),
            (self.mappings.migrated, "sessions migrated"),
            (self.mappings.mappings, "mappings"),
            (self.mappings.in_force, "of them in force"),
            (self.at_stytch.asked, "asked for at Stytch"),
            (self.at_stytch.alive, "alive, of the right member"),
            (self.at_stytch.over, "came to their end meanwhile"),
            (self.at_stytch.not_answered, "without an answer: ask again"),
        ];
        for (place, (count, what)) in counts.into_iter().enumerate() {
            if count > 0 || place < 5 {
                let _ = writeln!(page, "  {count:>9}  {what}");
            }
        }
        for (count, what) in self.faults() {
            let _ = writeln!(page, "  {count:>9}  WRONG: {what}");
        }
        for example in self.examples.iter().take(SHOWN) {
            let _ = writeln!(
                page,
                "             row {}: {} of {}",
                example.row, example.member_session_id, example.member_id
            );
        }
        page.push_str(match self.exit() {
            Exit::Done => "all is well\n",
            Exit::Wrong => "something is wrong\n",
            _ => "nothing wrong was found, but not all was answered\n",
        });
        page
    }

    fn faults(&self) -> impl Iterator<Item = (u64, &'static str)> {
        let faults = [
            (
                self.mappings.without_mapping,
                "migrated sessions without a mapping",
            ),
            (
                self.mappings.without_session,
                "mappings of sessions that are not migrated",
            ),
            (
                self.mappings.shared,
                "Stytch sessions that several mappings name",
            ),
            (self.at_stytch.not_alive, "not alive at Stytch"),
            (
                self.at_stytch.member_gone,
                "member or organization not at Stytch",
            ),
            (
                self.at_stytch.ends_early,
                "end at Stytch before the mapping says so",
            ),
        ];
        faults.into_iter().filter(|(count, _)| *count > 0)
    }
}
