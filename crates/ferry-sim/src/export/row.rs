//! One row. No value holds a comma, a quote or a backslash, so nothing needs escaping.

use std::fmt::Write as _;

use super::{COLUMNS, ExportOptions, Format, OrganizationColumn};
use crate::clock::timestamp;
use crate::draw::{below, draw};
use crate::population::{Condition, Organization, Population};

/// Writes rows into buffers that it keeps.
pub(super) struct RowWriter<'a> {
    population: &'a Population,
    options: &'a ExportOptions,
    organizations: Vec<String>,
    row: String,
    token: String,
}

impl<'a> RowWriter<'a> {
    pub(super) fn new(population: &'a Population, options: &'a ExportOptions) -> Self {
        let name = |organization: Organization| match options.organization {
            OrganizationColumn::OrganizationId => organization.organization_id,
            OrganizationColumn::Slug => organization.slug,
            OrganizationColumn::ExternalId => organization.external_id,
        };
        let organizations = (0..population.organizations.max(1))
            .map(|number| name(population.organization(number)))
            .collect();
        Self {
            population,
            options,
            organizations,
            row: String::new(),
            token: String::new(),
        }
    }

    pub(super) fn header(&self) -> String {
        match self.options.format {
            Format::Ndjson => String::new(),
            Format::Csv if self.options.refresh_tokens => {
                format!("{},refresh_token\n", COLUMNS.join(","))
            }
            Format::Csv => format!("{}\n", COLUMNS.join(",")),
        }
    }

    /// The row of a session, with its line end.
    pub(super) fn row(&mut self, number: u64) -> (Condition, &str) {
        let session = self.population.session(number);
        let person = self.population.person(session.person);
        let times = self.times(number, session.condition);
        self.token.clear();
        if session.condition != Condition::MissingToken {
            self.population.write_access_token(
                &mut self.token,
                (number, &person),
                &self.options.issuer,
                times.token_until,
            );
        }
        let token_expires_at = if session.condition == Condition::BadDate {
            "2026-02-31T25:61:00Z".to_owned()
        } else {
            rfc3339(times.token_until)
        };
        let organization = usize::try_from(person.organization).expect("a u32 is a usize");
        let values = [
            self.token.as_str(),
            &self.organizations[organization],
            &session.session_id,
            &person.subject,
            &person.email,
            &token_expires_at,
            &rfc3339(times.session_until),
            &rfc3339(times.last_active),
            session.device,
        ];
        let refresh = if self.options.refresh_tokens {
            self.population.refresh_token(number, 0)
        } else {
            String::new()
        };
        self.row.clear();
        match self.options.format {
            Format::Csv => write_csv(&mut self.row, &values, &refresh),
            Format::Ndjson => write_ndjson(&mut self.row, &values, &refresh),
        }
        if session.condition == Condition::Ragged {
            self.cut_short();
        }
        (session.condition, &self.row)
    }

    /// CSV loses the columns from the fourth on, NDJSON its last characters.
    fn cut_short(&mut self) {
        let keep = match self.options.format {
            Format::Csv => self.row.match_indices(',').nth(2).map_or(0, |(at, _)| at),
            Format::Ndjson => self.row.len().saturating_sub(12),
        };
        self.row.truncate(keep);
        self.row.push('\n');
    }

    fn times(&self, number: u64, condition: Condition) -> Times {
        let now = u64::try_from(self.options.now.as_second()).unwrap_or(0);
        let life = self.population.token_life_seconds(number);
        let drawn = draw(self.population.seed, TIMES, number);
        let token_until = if condition == Condition::Expired {
            now.saturating_sub(life)
        } else {
            now + life
        };
        let session_until = now + life + below(LONGEST_SESSION_SECONDS, drawn);
        let idle = below(LONGEST_IDLE_SECONDS, drawn.rotate_left(32));
        Times {
            token_until,
            session_until,
            last_active: now.saturating_sub(idle),
        }
    }
}

struct Times {
    token_until: u64,
    session_until: u64,
    last_active: u64,
}

fn write_csv(row: &mut String, values: &[&str; 9], refresh: &str) {
    for (place, value) in values.iter().enumerate() {
        if place > 0 {
            row.push(',');
        }
        row.push_str(value);
    }
    if !refresh.is_empty() {
        row.push(',');
        row.push_str(refresh);
    }
    row.push('\n');
}

fn write_ndjson(row: &mut String, values: &[&str; 9], refresh: &str) {
    let named = COLUMNS.iter().zip(values);
    let mut before = '{';
    for (column, value) in
        named.chain((!refresh.is_empty()).then_some((&"refresh_token", &refresh)))
    {
        // A missing token is a missing key, as most programs write it.
        if value.is_empty() {
            continue;
        }
        write!(row, r#"{before}"{column}":"{value}""#).expect("writing to a string does not fail");
        before = ',';
    }
    row.push_str("}\n");
}

fn rfc3339(seconds: u64) -> String {
    timestamp(i64::try_from(seconds).unwrap_or(i64::MAX)).to_string()
}

/// A month: the usual absolute end of a "remember me".
const LONGEST_SESSION_SECONDS: u64 = 30 * 86_400;

/// A week: whoever was away longer is rarely still logged in.
const LONGEST_IDLE_SECONDS: u64 = 7 * 86_400;

const TIMES: u64 = 401;
