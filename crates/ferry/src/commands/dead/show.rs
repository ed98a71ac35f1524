//! `ferry dead show`.

use std::fmt::Write;

use anyhow::{Result, anyhow};
use ferry_core::Timestamp;
use ferry_core::id::SessionId;
use ferry_core::state::SessionState;
use ferry_ledger::history::History;
use serde::Serialize;

use super::args::ShowArgs;
use super::list::Timestamped;
use super::text::{printable, remedy, wrapped};
use crate::cli::Global;
use crate::exit::{Coded, Exit};
use crate::place::place;

pub(super) async fn execute(global: Global, args: &ShowArgs) -> Result<Exit> {
    let ledger = place(&global.load()?.config)?.look().await?;
    let history = ledger.history(SessionId(args.session)).await?;
    let now = ledger.now();
    ledger.close().await;
    let history = history.ok_or_else(|| {
        anyhow!(
            "there is no session {}: `ferry dead list --sessions` tells their numbers",
            args.session
        )
        .context(Coded(Exit::Usage))
    })?;
    let shown = Shown::of(history, now);
    if args.json {
        println!("{}", serde_json::to_string(&shown)?);
    } else {
        print!("{}", shown.text());
    }
    Ok(Exit::Done)
}

/// Its JSON form is documented in docs/dead-letters.md.
#[derive(Debug, Serialize)]
struct Shown {
    session: i64,
    run: String,
    row: u64,
    state: SessionState,
    reason: Option<String>,
    error_type: Option<String>,
    remedy: Option<&'static str>,
    organization: String,
    subject: Option<String>,
    email: Option<String>,
    external_id: Option<String>,
    attempts: u64,
    unknown_outcomes: u64,
    /// `usable`, `expired` or `wiped`.
    token: &'static str,
    token_expires_at: Option<Timestamped>,
    died_at: Option<Timestamped>,
    discarded_at: Option<Timestamped>,
    /// When its member is looked for next, if it is parked.
    look_at: Option<Timestamped>,
    failures: Vec<Failure>,
    replays: Vec<Replay>,
}

#[derive(Debug, Serialize)]
struct Failure {
    at: Timestamped,
    outcome: String,
    http_status: Option<u16>,
    error_type: Option<String>,
    request_id: Option<String>,
}

#[derive(Debug, Serialize)]
struct Replay {
    generation: u64,
    at: Timestamped,
    who: String,
    reason: String,
    error_type: Option<String>,
    died_at: Timestamped,
}

impl Shown {
    fn of(history: History, now: Timestamp) -> Self {
        let token = match history.has_token {
            false => "wiped",
            true if history.token_expires_at <= now => "expired",
            true => "usable",
        };
        let expiry = history.token_expires_at;
        Self {
            session: history.session.0,
            run: history.run_name,
            row: history.source_row,
            state: history.state,
            remedy: match (history.state, &history.reason) {
                (SessionState::Dead, Some(reason)) => Some(remedy(reason)),
                _ => None,
            },
            reason: history.reason,
            error_type: history.error_type,
            organization: history.organization,
            subject: history.subject,
            email: history.email,
            external_id: history.external_id,
            attempts: history.attempts_spent,
            unknown_outcomes: history.unknown_outcomes,
            token,
            token_expires_at: (expiry != Timestamp::NEVER).then(|| expiry.into()),
            died_at: history.died_at.map(Into::into),
            discarded_at: history.discarded_at.map(Into::into),
            look_at: history.look_at.map(Into::into),
            failures: history
                .attempts
                .into_iter()
                .map(|attempt| Failure {
                    at: attempt.ended_at.into(),
                    outcome: attempt.outcome,
                    http_status: attempt.http_status,
                    error_type: attempt.error_type,
                    request_id: attempt.request_id,
                })
                .collect(),
            replays: history
                .replays
                .into_iter()
                .map(|replay| Replay {
                    generation: replay.generation,
                    at: replay.at.into(),
                    who: replay.who,
                    reason: replay.reason,
                    error_type: replay.error_type,
                    died_at: replay.died_at.into(),
                })
                .collect(),
        }
    }

    fn text(&self) -> String {
        let reason = self
            .reason
            .as_deref()
            .map(|r| format!(" of {r}"))
            .unwrap_or_default();
        let mut page = format!(
            "session {} of run {}: {}{reason}\n",
            self.session, self.run, self.state
        );
        let time = |time: &Option<Timestamped>| time.as_ref().map(|time| time.0.clone());
        let token = match time(&self.token_expires_at) {
            Some(expiry) => format!("{}, until {expiry}", self.token),
            None => self.token.to_owned(),
        };
        let lines = [
            ("row", Some(self.row.to_string())),
            ("error type", self.error_type.clone()),
            ("organization", Some(self.organization.clone())),
            ("subject", self.subject.clone()),
            ("email", self.email.clone()),
            ("external id", self.external_id.clone()),
            ("attempts", Some(self.attempts.to_string())),
            ("token", Some(token)),
            ("died", time(&self.died_at)),
            ("put aside", time(&self.discarded_at)),
            ("next look", time(&self.look_at)),
        ];
        for (name, value) in lines {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                let _ = writeln!(page, "  {name:<12}  {}", printable(&value));
            }
        }
        if let Some(remedy) = self.remedy {
            page += &wrapped(&format!("to do: {remedy}"), 2);
        }
        if !self.failures.is_empty() {
            page += "attempts that failed:\n";
        }
        for failure in &self.failures {
            let status = failure.http_status.map(|status| status.to_string());
            let parts = [status, failure.error_type.clone()];
            let parts: Vec<_> = parts.into_iter().flatten().collect();
            let _ = writeln!(page, "  {}  {}", failure.at.0, failure.outcome);
            for told in [Some(parts.join(" ")), failure.request_id.clone()] {
                if let Some(told) = told.filter(|told| !told.is_empty()) {
                    let _ = writeln!(page, "      {}", printable(&told));
                }
            }
        }
        if !self.replays.is_empty() {
            page += "replays:\n";
        }
        for replay in &self.replays {
            let Replay {
                generation,
                at,
                who,
                reason,
                ..
            } = replay;
            let _ = writeln!(
                page,
                "  {generation}  {}  by {}, had died of {reason}",
                at.0,
                printable(who)
            );
        }
        page
    }
}
