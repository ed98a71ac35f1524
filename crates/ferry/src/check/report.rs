//! What the check found, for people and for programs.

use std::fmt::Write;

use anyhow::Result;
use serde::Serialize;

use super::code::{Code, Severity};
use crate::exit::Exit;
use crate::shape::{counted, wrapped};

/// What the check found; its JSON form is documented in docs/check.md.
#[derive(Debug, Default)]
pub(crate) struct Report {
    areas: Vec<Area>,
    accepted: Vec<Code>,
}

/// One thing that was looked at.
#[derive(Debug)]
pub(crate) struct Area {
    name: &'static str,
    told: String,
    passed_over: bool,
    findings: Vec<(Code, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
    PassedOver,
    Warning,
    Error,
}

#[derive(Serialize)]
struct Json<'a> {
    verdict: Status,
    checks: Vec<JsonCheck<'a>>,
    findings: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct JsonCheck<'a> {
    area: &'static str,
    status: Status,
    told: &'a str,
}

#[derive(Serialize)]
struct Finding<'a> {
    code: Code,
    severity: Severity,
    area: &'static str,
    cause: &'a str,
    remedy: &'static str,
    /// Counts for nothing: `--accept-warning`.
    accepted: bool,
}

impl Area {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            told: String::new(),
            passed_over: false,
            findings: Vec::new(),
        }
    }

    /// What was not looked at, and why.
    pub(super) fn passed_over(name: &'static str, why: &str) -> Self {
        Self {
            passed_over: true,
            ..Self::new(name).told(why)
        }
    }

    /// What was seen.
    pub(super) fn told(self, told: impl Into<String>) -> Self {
        Self {
            told: told.into(),
            ..self
        }
    }

    /// What is wrong with it.
    pub(super) fn with(mut self, code: Code, cause: impl Into<String>) -> Self {
        self.findings.push((code, cause.into()));
        self
    }

    /// Nothing is wrong with it.
    pub(super) fn is_well(&self) -> bool {
        self.findings.is_empty()
    }

    /// With what is wrong with another one too.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.findings.extend(other.findings);
        self
    }

    fn status(&self) -> Status {
        let worst = self.findings.iter().map(|(code, _)| code.severity()).max();
        match worst {
            Some(Severity::Error) => Status::Error,
            Some(Severity::Warning) => Status::Warning,
            None if self.passed_over => Status::PassedOver,
            None => Status::Ok,
        }
    }
}

impl Report {
    pub(crate) fn accepting(accepted: Vec<Code>) -> Self {
        Self {
            accepted,
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, area: Area) {
        self.areas.push(area);
    }

    pub(crate) fn exit(&self) -> Exit {
        match self.verdict() {
            Status::Error => Exit::CheckErrors,
            Status::Warning => Exit::CheckWarnings,
            Status::Ok | Status::PassedOver => Exit::Done,
        }
    }

    pub(crate) fn print(&self, json: bool) -> Result<()> {
        if json {
            println!("{}", serde_json::to_string(&self.json())?);
        } else {
            print!("{}", self.text());
        }
        Ok(())
    }

    fn verdict(&self) -> Status {
        match self.count(Severity::Error) + self.count(Severity::Warning) {
            0 => Status::Ok,
            _ if self.count(Severity::Error) > 0 => Status::Error,
            _ => Status::Warning,
        }
    }

    /// What was not accepted.
    fn count(&self, severity: Severity) -> usize {
        let findings = self.findings();
        let counted = findings.filter(|finding| finding.severity == severity && !finding.accepted);
        counted.count()
    }

    fn findings(&self) -> impl Iterator<Item = Finding<'_>> {
        self.areas.iter().flat_map(|area| {
            area.findings.iter().map(|(code, cause)| Finding {
                code: *code,
                severity: code.severity(),
                area: area.name,
                cause,
                remedy: code.remedy(),
                accepted: self.accepted.contains(code),
            })
        })
    }

    fn json(&self) -> Json<'_> {
        let checks = self.areas.iter().map(|area| JsonCheck {
            area: area.name,
            status: area.status(),
            told: &area.told,
        });
        Json {
            verdict: self.verdict(),
            checks: checks.collect(),
            findings: self.findings().collect(),
        }
    }

    fn text(&self) -> String {
        let mut page = String::new();
        for area in &self.areas {
            let status = match area.status() {
                Status::Ok => "ok",
                Status::PassedOver => "-",
                Status::Warning => "warning",
                Status::Error => "ERROR",
            };
            let first = format!("{:<14} {status:<8} ", area.name);
            page.push_str(wrapped(&first, &area.told).trim_end());
            page.push('\n');
        }
        for finding in self.findings() {
            let severity = match finding.severity {
                Severity::Warning if finding.accepted => "accepted",
                Severity::Warning => "warning",
                Severity::Error => "ERROR",
            };
            let _ = writeln!(page, "\n{severity} {}", finding.code);
            page.push_str(&wrapped("  cause   ", finding.cause));
            page.push_str(&wrapped("  remedy  ", finding.remedy));
        }
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        let _ = writeln!(
            page,
            "\n{}, {}; nothing was changed",
            counted(errors as u64, "error"),
            counted(warnings as u64, "warning")
        );
        page
    }
}
