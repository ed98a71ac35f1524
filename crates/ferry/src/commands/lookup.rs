//! `ferry lookup`.

mod answer;
mod line;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};

use anyhow::{Context, Result};
use ferry_ledger::Ledger;
use ferry_ledger::audit_log::{Action, DeedId};
use ferry_ledger::mappings::Mapping;

use self::answer::Answer;
use self::line::{Line, Lines, Wanted};
use crate::cli::Global;
use crate::cli::lookups::LookupArgs;
use crate::config::Api;
use crate::exit::{Coded, Exit};
use crate::operator::who;
use crate::place::place;

/// Lines that are answered together: to find Stytch sessions, the whole table is read once for them.
const TOGETHER: usize = 500;

pub(super) async fn execute(global: Global, args: &LookupArgs) -> Result<Exit> {
    let loaded = global.load()?;
    let input = open(args)?;
    let ledger = place(&loaded.config)?.look().await?;
    let mut deed = None;
    if args.reveal {
        let action = Action::RevealTokens;
        deed = Some(ledger.note_deed(&who(), action, "lookup", 0).await?);
    }
    let wanted = match (args.reverse, loaded.config.stytch.api) {
        (true, _) => Wanted::StytchSession,
        (false, Api::B2b) => Wanted::LegacySession,
        (false, Api::Consumer) => Wanted::LegacySessionOfUser,
    };
    let desk = Desk {
        ledger: &ledger,
        deed,
        json: args.json,
    };
    let tally = desk.answer_all(Lines::of(input, wanted)).await?;
    ledger.close().await;
    let Tally {
        found,
        not_found,
        unreadable,
    } = tally;
    eprintln!("{found} found, {not_found} not found, {unreadable} lines not readable");
    Ok(if unreadable > 0 {
        Exit::Failed
    } else {
        Exit::Done
    })
}

fn open(args: &LookupArgs) -> Result<Box<dyn BufRead>> {
    let Some(path) = &args.file else {
        if io::stdin().is_terminal() {
            let what = if args.reverse {
                "member_session_id"
            } else {
                "session_id,organization"
            };
            eprintln!("{what}, a line each; Ctrl-D at the end:");
        }
        return Ok(Box::new(io::stdin().lock()));
    };
    let file = File::open(path)
        .with_context(|| format!("{} cannot be read", path.display()))
        .context(Coded(Exit::Usage))?;
    Ok(Box::new(BufReader::new(file)))
}

#[derive(Debug, Default)]
struct Tally {
    found: u64,
    not_found: u64,
    unreadable: u64,
}

struct Desk<'a> {
    ledger: &'a Ledger,
    /// Tokens are revealed, and each is counted there.
    deed: Option<DeedId>,
    json: bool,
}

impl Desk<'_> {
    async fn answer_all(&self, mut lines: Lines<Box<dyn BufRead>>) -> Result<Tally> {
        let mut tally = Tally::default();
        loop {
            let batch = lines.next_at_most(TOGETHER);
            let batch = batch.context("the lines cannot be read")?;
            if batch.is_empty() {
                return Ok(tally);
            }
            let answers = self.answers(batch).await?;
            let mut out = io::stdout().lock();
            for answer in answers {
                match (answer.error.is_some(), answer.found) {
                    (true, _) => tally.unreadable += 1,
                    (false, true) => tally.found += 1,
                    (false, false) => tally.not_found += 1,
                }
                if self.json {
                    writeln!(out, "{}", serde_json::to_string(&answer)?)?;
                } else {
                    write!(out, "{}", answer.text())?;
                }
            }
        }
    }

    async fn answers(&self, batch: Vec<(u64, Line)>) -> Result<Vec<Answer>> {
        let stytch_sessions: Vec<_> = batch
            .iter()
            .filter_map(|(_, line)| match line {
                Line::StytchSession(id) => Some(id.clone()),
                _ => None,
            })
            .collect();
        let mut mappings = HashMap::new();
        if !stytch_sessions.is_empty() {
            for mapping in self.ledger.mappings_to(&stytch_sessions).await? {
                mappings.insert(mapping.member_session_id.clone(), mapping);
            }
        }
        let mut answers = Vec::with_capacity(batch.len());
        let mut revealed = 0;
        for (number, line) in batch {
            let answer = match line {
                Line::Garbage(fault) => Answer::unreadable(number, fault),
                Line::StytchSession(id) => match mappings.get(&id) {
                    Some(mapping) => self.known(number, mapping).await?,
                    None => Answer::unknown(number),
                },
                Line::LegacySession { id, organization } => {
                    let key = self.ledger.legacy_key(&id, &organization);
                    match (
                        self.ledger.mapping(key).await?,
                        self.ledger.standing(key).await?,
                    ) {
                        (Some(mapping), _) => self.known(number, &mapping).await?,
                        (None, Some(standing)) => Answer::not_carried(number, key, standing),
                        (None, None) => Answer::unknown(number),
                    }
                }
            };
            revealed += u64::from(answer.has_token());
            answers.push(answer);
        }
        if let Some(deed) = self.deed {
            // Before any is shown.
            self.ledger.extend_deed(deed, revealed).await?;
        }
        Ok(answers)
    }

    async fn known(&self, number: u64, mapping: &Mapping) -> Result<Answer> {
        let standing = self.ledger.standing(mapping.legacy_key).await?;
        let token = match self.deed {
            Some(_) => self.ledger.session_token(mapping)?,
            None => None,
        };
        Ok(Answer::carried(number, mapping, standing, token.as_ref()))
    }
}
