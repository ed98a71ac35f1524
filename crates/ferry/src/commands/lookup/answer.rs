//! What was found for a line.

use std::fmt::Write;

use ferry_core::id::LegacyKey;
use ferry_core::state::{MappingState, SessionState};
use ferry_ledger::mappings::Mapping;
use ferry_ledger::standing::Standing;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::commands::dead::text::{printable, seconds};

/// What was found for a line; its JSON form is documented in docs/report.md. Never the session id
/// that was asked for.
#[derive(Serialize)]
pub(super) struct Answer {
    line: u64,
    /// There is a mapping.
    pub(super) found: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<&'static str>,
    #[serde(flatten)]
    session: Option<Known>,
    #[serde(flatten)]
    carried: Option<Carried>,
}

#[derive(Serialize)]
struct Known {
    legacy_key: String,
    run: String,
    row: u64,
    session_state: SessionState,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize)]
struct Carried {
    state: MappingState,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<String>,
    member_id: String,
    member_session_id: String,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_token: Option<String>,
}

impl Answer {
    pub(super) fn unknown(line: u64) -> Self {
        Self {
            line,
            found: false,
            error: None,
            session: None,
            carried: None,
        }
    }

    pub(super) fn unreadable(line: u64, fault: &'static str) -> Self {
        Self {
            error: Some(fault),
            ..Self::unknown(line)
        }
    }

    pub(super) fn not_carried(line: u64, key: LegacyKey, standing: Standing) -> Self {
        Self {
            session: Some(Known::of(key, standing)),
            ..Self::unknown(line)
        }
    }

    pub(super) fn carried(
        line: u64,
        mapping: &Mapping,
        standing: Option<Standing>,
        token: Option<&SecretString>,
    ) -> Self {
        Self {
            line,
            found: true,
            error: None,
            session: standing.map(|standing| Known::of(mapping.legacy_key, standing)),
            carried: Some(Carried {
                state: mapping.state,
                organization_id: mapping.organization_id.clone(),
                member_id: mapping.member_id.clone(),
                member_session_id: mapping.member_session_id.clone(),
                expires_at: seconds(mapping.expires_at),
                session_token: token.map(|token| token.expose_secret().to_owned()),
            }),
        }
    }

    pub(super) fn has_token(&self) -> bool {
        let token = self.carried.as_ref().map(|carried| &carried.session_token);
        token.is_some_and(Option::is_some)
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = format!("line {}: ", self.line);
        match (self.error, &self.carried, &self.session) {
            (Some(error), _, _) => {
                let _ = writeln!(text, "error: {error}");
            }
            (None, Some(carried), _) => {
                let (state, end) = (carried.state, &carried.expires_at);
                let _ = writeln!(text, "{state}, ends at {end}");
            }
            (None, None, Some(session)) => {
                let reason = session.reason.as_deref().unwrap_or_default();
                let (run, row) = (printable(&session.run), session.row);
                let state = format!("{} {reason}", session.session_state);
                let _ = writeln!(text, "not carried: {} (run {run}, row {row})", state.trim());
            }
            (None, None, None) => text += "in no export\n",
        }
        for (name, value) in self.details() {
            let _ = writeln!(text, "  {name:<12}  {}", printable(value));
        }
        text
    }

    fn details(&self) -> Vec<(&'static str, &str)> {
        let mut details = Vec::new();
        if let Some(session) = &self.session {
            details.push(("legacy key", session.legacy_key.as_str()));
        }
        if let Some(carried) = &self.carried {
            if let Some(organization) = &carried.organization_id {
                details.push(("organization", organization));
            }
            details.push(("member", &carried.member_id));
            details.push(("session", &carried.member_session_id));
            if let Some(token) = &carried.session_token {
                details.push(("token", token));
            }
        }
        details
    }
}

impl Known {
    fn of(key: LegacyKey, standing: Standing) -> Self {
        Self {
            legacy_key: key.to_string(),
            run: standing.run,
            row: standing.source_row,
            session_state: standing.state,
            reason: standing.reason,
        }
    }
}
