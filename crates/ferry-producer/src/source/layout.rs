//! From the configured columns to places in a record.

use super::columns::{Columns, Role};
use super::error::{MissingColumn, SourceError};
use super::row::ends_somehow;
use super::rules::Rules;
use super::value::shown_name;

/// Which columns are read, and what each is for. A column has a slot, whatever number of roles and
/// claims it serves.
#[derive(Debug)]
pub(super) struct Layout {
    columns: Vec<String>,
    slot_of_role: [Option<usize>; Role::COUNT],
    claims: Vec<(String, usize)>,
}

/// The names that the export itself gives.
pub(super) struct Header<'a> {
    export: &'a str,
    names: &'a [String],
    /// Every record has every column (CSV). Else a key may be left out here and there, and `names`
    /// are those of the first records; empty if none of them could be read.
    is_complete: bool,
    /// One of the columns looked for is among them, so that they are names indeed. Else they may be
    /// values of an export without a header, and one of them a token.
    is_certain: bool,
}

impl Layout {
    pub(super) fn resolve(
        header: &Header<'_>,
        columns: &Columns,
        rules: &Rules,
    ) -> Result<Self, SourceError> {
        if let Some(claim) = columns.reserved_claim() {
            return Err(SourceError::ReservedClaim {
                claim: shown_name(claim),
            });
        }
        let mut layout = Self {
            columns: Vec::new(),
            slot_of_role: [None; Role::COUNT],
            claims: Vec::new(),
        };
        for role in Role::ALL.into_iter().filter(|role| is_read(*role, rules)) {
            if let Some(column) = columns.named(role) {
                header.require(role.name(), column.trim())?;
                layout.slot_of_role[role as usize] = Some(layout.slot(column.trim()));
            } else if header.may_have(role.name()) {
                layout.slot_of_role[role as usize] = Some(layout.slot(role.name()));
            }
        }
        for (claim, column) in &columns.custom_claims {
            header.require(
                &format!("custom_claims.{}", shown_name(claim)),
                column.trim(),
            )?;
            let slot = layout.slot(column.trim());
            layout.claims.push((claim.clone(), slot));
        }
        layout.check_end(header, rules)?;
        Ok(layout)
    }

    /// The columns that are read, in the order of their slots.
    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    pub(super) fn slot_of(&self, role: Role) -> Option<usize> {
        self.slot_of_role[role as usize]
    }

    /// Each custom claim and its slot.
    pub(super) fn claims(&self) -> &[(String, usize)] {
        &self.claims
    }

    /// For a CSV, the field of each slot.
    pub(super) fn fields(&self, header: &[String]) -> Vec<usize> {
        let field = |column: &String| {
            let field = header.iter().position(|name| name == column);
            field.expect("only columns that the header has were given a slot")
        };
        self.columns.iter().map(field).collect()
    }

    fn slot(&mut self, column: &str) -> usize {
        let known = self.columns.iter().position(|known| known == column);
        known.unwrap_or_else(|| {
            self.columns.push(column.to_owned());
            self.columns.len() - 1
        })
    }

    /// Rather than reject every row.
    fn check_end(&self, header: &Header<'_>, rules: &Rules) -> Result<(), SourceError> {
        let ends = ends_somehow(|role| self.slot_of(role).is_some());
        if ends || rules.default_lifetime.is_some() || !header.is_complete {
            return Ok(());
        }
        Err(SourceError::NoSessionEnd {
            export: header.export.to_owned(),
        })
    }
}

fn is_read(role: Role, rules: &Rules) -> bool {
    match role {
        Role::Organization => !rules.consumer,
        Role::SessionId => !rules.key_from_token,
        _ => true,
    }
}

impl<'a> Header<'a> {
    /// The header of a CSV.
    pub(super) fn of_csv(export: &'a str, names: &'a [String], columns: &Columns) -> Self {
        let is_certain = is_certain(names, columns);
        Self {
            export,
            names,
            is_complete: true,
            is_certain,
        }
    }

    /// The keys of the first objects of an NDJSON.
    pub(super) fn of_ndjson(export: &'a str, names: &'a [String], columns: &Columns) -> Self {
        let is_certain = is_certain(names, columns);
        Self {
            export,
            names,
            is_complete: false,
            is_certain,
        }
    }

    fn may_have(&self, column: &str) -> bool {
        !self.is_complete || self.names.iter().any(|name| name == column)
    }

    fn require(&self, setting: &str, column: &str) -> Result<(), SourceError> {
        match self.names.iter().filter(|name| *name == column).count() {
            0 if !self.is_complete && self.names.is_empty() => Ok(()),
            0 => Err(self.missing(setting, column)),
            1 => Ok(()),
            _ => Err(SourceError::DuplicateColumn {
                export: self.export.to_owned(),
                column: shown_name(column),
            }),
        }
    }

    fn missing(&self, setting: &str, column: &str) -> SourceError {
        let (export, setting) = (self.export.to_owned(), setting.to_owned());
        let column_shown = shown_name(column);
        if self.is_complete && self.plausible().count() < self.names.len() {
            let fields = self.names.len();
            return SourceError::NoHeader {
                export,
                setting,
                column: column_shown,
                fields,
            };
        }
        SourceError::MissingColumn(Box::new(MissingColumn {
            export,
            remedy: remedy(&setting, self.is_complete),
            setting,
            found: self.found(),
            nearest: self.nearest(column),
            column: column_shown,
        }))
    }

    fn found(&self) -> String {
        let shown: Vec<_> = self
            .plausible()
            .take(MAX_COLUMNS_SHOWN)
            .map(|n| shown_name(n))
            .collect();
        match self.names.len() - shown.len() {
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    }

    fn nearest(&self, column: &str) -> String {
        let wanted = column.to_lowercase();
        let likeness = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &wanted);
        self.plausible()
            .map(|name| (likeness(name), name))
            .filter(|(likeness, _)| *likeness >= LEAST_LIKENESS)
            .max_by(|(a, _), (b, _)| a.total_cmp(b))
            .map(|(_, name)| format!(" Did you mean \"{}\"?", shown_name(name)))
            .unwrap_or_default()
    }

    fn plausible(&self) -> impl Iterator<Item = &String> {
        self.names
            .iter()
            .filter(|name| self.is_certain || !looks_like_a_value(name))
    }
}

fn is_certain(names: &[String], columns: &Columns) -> bool {
    let wanted = |role: Role| columns.named(role).unwrap_or(role.name());
    Role::ALL
        .into_iter()
        .any(|role| names.iter().any(|name| name == wanted(role)))
}

fn remedy(setting: &str, is_complete: bool) -> &'static str {
    match setting {
        "session_id" => {
            "Map the session id's column; without one, export.key_from_token makes the key from the access token, and the mapping is lost when the token is refreshed"
        }
        _ if is_complete => "Map the right column, or export it",
        _ => {
            "Map the right key, or export it (as null where it has no value): none of the first records has it"
        }
    }
}

/// Whether a "column name" is likelier a value, from an export without a header: it is then not
/// shown, since it may be a token.
fn looks_like_a_value(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let one_word = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let mixed_case = name.bytes().any(|byte| byte.is_ascii_lowercase())
        && name.bytes().any(|byte| byte.is_ascii_uppercase());
    name.chars().count() > LONGEST_COLUMN_NAME_CHARS
        || name.contains('{')
        || name.find('@').is_some_and(|at| at > 0)
        || name.starts_with("eyJ")
        || (name.len() >= 12 && digits >= 2)
        || (name.len() >= 24 && one_word && mixed_case)
        || ferry_core::Timestamp::parse(name).is_ok()
}

/// `PostgreSQL`, the most generous of the usual databases, takes 63 bytes.
const LONGEST_COLUMN_NAME_CHARS: usize = 63;

/// A wide table's names would bury the message.
const MAX_COLUMNS_SHOWN: usize = 30;

/// Below this, Jaro and Winkler's likeness suggests names that have nothing to do with each other.
const LEAST_LIKENESS: f64 = 0.8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::row::NO_END_REMEDY;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn resolve(found: &[&str], columns: &Columns, rules: &Rules) -> Result<Layout, String> {
        let names = names(found);
        let header = Header::of_csv("sessions.csv", &names, columns);
        Layout::resolve(&header, columns, rules).map_err(|fault| fault.to_string())
    }

    const COMPLETE: [&str; 4] = [
        "access_token",
        "organization",
        "session_id",
        "session_expires_at",
    ];

    #[test]
    fn a_missing_column_is_told_with_those_found_and_the_nearest() {
        let found = [
            "accessToken",
            "organization",
            "session_id",
            "session_expires_at",
        ];
        let message = resolve(&found, &Columns::default(), &Rules::default()).expect_err("missing");
        assert!(
            message.contains("no column \"access_token\" (export.columns.access_token)"),
            "{message}"
        );
        assert!(
            message.contains("accessToken, organization, session_id"),
            "{message}"
        );
        assert!(
            message.contains("Did you mean \"accessToken\"?"),
            "{message}"
        );
    }

    #[test]
    fn a_column_that_is_named_must_be_there_but_a_default_need_not() {
        assert!(resolve(&COMPLETE, &Columns::default(), &Rules::default()).is_ok());
        let columns = Columns {
            email: Some("email".to_owned()),
            ..Columns::default()
        };
        let message = resolve(&COMPLETE, &columns, &Rules::default()).expect_err("named");
        assert!(message.contains("columns.email"), "{message}");
    }

    #[test]
    fn only_a_column_that_is_read_must_not_be_there_twice() {
        let mut found = COMPLETE.to_vec();
        found.extend(["note", "note"]);
        assert!(resolve(&found, &Columns::default(), &Rules::default()).is_ok());
        found.push("session_id");
        let message = resolve(&found, &Columns::default(), &Rules::default()).expect_err("twice");
        assert!(
            message.contains("\"session_id\" is there twice"),
            "{message}"
        );
    }

    #[test]
    fn a_session_id_can_be_done_without_only_on_request() {
        let found = ["access_token", "organization", "session_expires_at"];
        let message = resolve(&found, &Columns::default(), &Rules::default()).expect_err("missing");
        assert!(message.contains("key_from_token"), "{message}");
        let rules = Rules {
            key_from_token: true,
            ..Rules::default()
        };
        assert!(resolve(&found, &Columns::default(), &rules).is_ok());
    }

    #[test]
    fn an_end_of_the_session_is_needed_from_somewhere() {
        let found = ["access_token", "organization", "session_id", "idle_timeout"];
        let message = resolve(&found, &Columns::default(), &Rules::default()).expect_err("no end");
        assert!(message.contains(NO_END_REMEDY), "{message}");
        let mut found = found.to_vec();
        found.push("last_active_at");
        assert!(resolve(&found, &Columns::default(), &Rules::default()).is_ok());
    }

    #[test]
    fn values_in_place_of_a_header_are_not_shown() {
        for token in [
            "eyJhbGciOiJSUzI1NiJ9.e30.c2ln",
            "mZAYn5aLEqKUlZAd9UfWr38GaAQ1oFAhT8ds245v7Q",
            "AbCdEfGhIjKlMnOpQrStUvWxYz",
            "1767225600",
            "alice@acme.example",
        ] {
            let found = [token, "acme", "session-one"];
            let fault = resolve(&found, &Columns::default(), &Rules::default());
            let message = fault.expect_err("no header");
            assert!(
                message.contains("looks like values (3 of them)"),
                "{message}"
            );
            assert!(!message.contains(token), "{message}");
        }
    }

    #[test]
    fn names_are_shown_if_one_of_them_is_known() {
        let found = ["access_token", "sha256_of_session_2"];
        let message = resolve(&found, &Columns::default(), &Rules::default()).expect_err("missing");
        assert!(
            message.contains("access_token, sha256_of_session_2"),
            "{message}"
        );
    }

    #[test]
    fn a_column_serves_a_role_and_a_claim_at_once() {
        let columns = Columns {
            custom_claims: [("tenant".to_owned(), "organization".to_owned())].into(),
            ..Columns::default()
        };
        let layout = resolve(&COMPLETE, &columns, &Rules::default()).expect("complete");
        assert_eq!(layout.columns().len(), COMPLETE.len());
        assert_eq!(
            Some(layout.claims()[0].1),
            layout.slot_of(Role::Organization)
        );
    }
}
