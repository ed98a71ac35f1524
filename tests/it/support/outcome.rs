//! What a command came to.

use std::process::Output;

use ferry_core::books::Books;
use serde_json::Value;
use tokio::process::Command;

/// What a command came to.
pub(crate) struct Outcome {
    /// The exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) standard_output: String,
    pub(crate) standard_error: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            standard_output: String::from_utf8_lossy(&output.stdout).into_owned(),
            standard_error: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Outcome {
    /// Runs it to its end.
    pub(crate) async fn of(mut command: Command) -> Self {
        command.output().await.expect("the binary starts").into()
    }

    /// The report: the last line of standard output.
    pub(crate) fn report(&self) -> Value {
        let line = self.standard_output.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|_| {
            panic!(
                "no report (exit {:?}):\n{}{}",
                self.code, self.standard_output, self.standard_error
            )
        })
    }

    pub(crate) fn books(&self) -> Books {
        serde_json::from_value(self.report()["books"].clone()).expect("books")
    }

    /// That it ended with this exit code, and that standard error says each of these.
    pub(crate) fn assert_says(&self, code: i32, sayings: &[&str]) {
        let Self {
            standard_error,
            standard_output,
            ..
        } = self;
        assert_eq!(self.code, Some(code), "{standard_error}\n{standard_output}");
        for saying in sayings {
            assert!(
                standard_error.contains(saying),
                "{saying:?} is not in: {standard_error}"
            );
        }
    }

    /// A figure of the report's audit.
    pub(crate) fn audit(&self, name: &str) -> u64 {
        self.report()["audit"][name].as_u64().expect("a figure")
    }

    /// How many sessions ended for this reason.
    pub(crate) fn failures(&self, reason: &str) -> u64 {
        let report = self.report();
        let failures = report["failures"].as_array().expect("a list");
        let counts = failures.iter().filter(|f| f["reason"] == reason);
        counts
            .map(|failure| failure["count"].as_u64().expect("a count"))
            .sum()
    }
}
