//! Ask for permits of the rates that all workers share, and tell what calls came to.
//!
//! The arithmetic is that of [`ferry_core::budget`] and [`ferry_core::ceiling`]. Here it is done on
//! rows that are locked, by the ledger's clock, so that a slice is taken once.

use std::str::FromStr;
use std::time::Instant;

use ferry_core::budget::{self, Budget, Grant, Line, Moment, Rate, Request};
use ferry_core::ceiling::{Ceiling, CeilingConfig, ReadAt, Report};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr};

use crate::database::{Change, either};
use crate::{Ledger, LedgerError};

/// A rate that all workers share.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumString,
    IntoStaticStr,
    Serialize,
    Deserialize,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum BudgetName {
    /// Calls to Stytch.
    Stytch,
    /// Stytch's calls to the legacy provider's UserInfo endpoint.
    Userinfo,
}

/// A budget that a call spends, and what is configured for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetLine {
    /// Which.
    pub name: BudgetName,
    /// Its highest rate. Another than last time takes effect at once.
    pub ceiling: CeilingConfig,
}

/// What a worker asks in one exchange.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Spent together: at least one, each once, in any order.
    pub lines: &'a [BudgetLine],
    /// What calls came to since the last ask. Of budgets that are no line, nothing is taken in.
    pub reports: &'a [(BudgetName, Report)],
    /// What is wanted; `None` for reports alone.
    pub request: Option<Request>,
}

/// The answer to an [`Ask`].
#[derive(Debug, Clone)]
pub struct Answer {
    /// `None` where nothing was asked for.
    pub grant: Option<Grant>,
    /// As they are now, in the order of the lines.
    pub ceilings: Vec<(BudgetName, Ceiling)>,
    /// The ledger's clock,
    pub now: Moment,
    /// which was read after this,
    pub asked: Instant,
    /// and before this.
    pub answered: Instant,
}

/// A budget as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetRow {
    /// Which.
    pub name: BudgetName,
    /// How far it is booked.
    pub budget: Budget,
    /// The configured rate of whoever asked last.
    pub configured: Rate,
    /// What was found of the rate that is allowed.
    pub ceiling: Ceiling,
}

#[derive(Debug, sqlx::FromRow)]
pub(crate) struct StoredBudget {
    pub(crate) name: String,
    pub(crate) next_at: i64,
    pub(crate) reserved_next_at: i64,
    pub(crate) ceiling: String,
}

/// The text in the column `ceiling`.
#[derive(Debug, Serialize, Deserialize)]
struct StoredCeiling {
    configured: Rate,
    found: Ceiling,
}

/// A line and its row, while its budget is locked.
struct Account {
    line: BudgetLine,
    budget: Budget,
    ceiling: Ceiling,
}

impl Ledger {
    /// Takes reports in and permits out, in one commit. Processes take turns.
    pub async fn ask(&self, ask: &Ask<'_>) -> Result<Answer, LedgerError> {
        let names: Vec<_> = ask.lines.iter().map(|line| line.name.into()).collect();
        let (mut change, reading, rows) = self.lock_budgets(&names).await?;
        let now = reading.now;
        let mut accounts: Vec<_> = ask
            .lines
            .iter()
            .map(|line| Account::open(*line, &rows, now))
            .collect();
        for account in &mut accounts {
            account.observe(ask.reports, now);
        }
        let grant = ask.request.map(|request| take(&mut accounts, request, now));
        let rows: Vec<_> = accounts.iter().map(Account::stored).collect();
        either!(&mut change, change => change.write_budgets(&rows).await?);
        change.commit().await?;
        Ok(Answer {
            grant,
            ceilings: accounts
                .into_iter()
                .map(|account| (account.line.name, account.ceiling))
                .collect(),
            now,
            asked: reading.asked,
            answered: reading.answered,
        })
    }

    /// What the budgets are now, of those that were ever asked for.
    pub async fn budgets(&self) -> Result<Vec<BudgetRow>, LedgerError> {
        let rows = either!(&self.database, database => database.budgets().await?);
        Ok(rows.iter().filter_map(StoredBudget::read).collect())
    }

    /// The rows of these budgets, kept until the end, and the time at which they were had.
    async fn lock_budgets(
        &self,
        names: &[&'static str],
    ) -> Result<(Change, crate::clock::Reading, Vec<StoredBudget>), LedgerError> {
        let mut change = self.write().await?;
        let (mut reading, mut rows) =
            either!(&mut change, change => change.lock_budgets(names).await?);
        if rows.len() < names.len() {
            // In a commit of their own: made beside a lock, two who do so could wait for each other.
            change.roll_back().await?;
            either!(&self.database, database => database.make_budgets(names).await?);
            change = self.write().await?;
            (reading, rows) = either!(&mut change, change => change.lock_budgets(names).await?);
        }
        Ok((change, reading, rows))
    }
}

fn take(accounts: &mut [Account], request: Request, now: Moment) -> Grant {
    let held_until = accounts.iter().map(|a| a.ceiling.not_before(now)).max();
    let request = Request {
        not_before: request.not_before.max(held_until.unwrap_or(now)),
        ..request
    };
    let mut lines: Vec<_> = accounts
        .iter_mut()
        .map(|account| Line {
            rate: account.rate(),
            budget: &mut account.budget,
        })
        .collect();
    budget::take(&mut lines, request, now)
}

impl Account {
    fn open(line: BudgetLine, rows: &[StoredBudget], now: Moment) -> Self {
        let name = <&str>::from(line.name);
        let row = rows.iter().find(|row| row.name == name);
        let mut ceiling = Ceiling::new(line.ceiling);
        if let Some(stored) = row.and_then(StoredBudget::read_ceiling) {
            ceiling = stored.found;
            ceiling.reconfigure(stored.configured, line.ceiling);
        }
        let mut account = Self {
            line,
            budget: row.map(StoredBudget::budget).unwrap_or_default(),
            ceiling,
        };
        // A clock that was set back is noticed, even while nobody can report.
        account.read(Report::default(), now);
        account
    }

    fn rate(&self) -> Rate {
        self.ceiling.rate(self.line.ceiling)
    }

    fn observe(&mut self, reports: &[(BudgetName, Report)], now: Moment) {
        let ours = self.line.name;
        for (_, report) in reports.iter().filter(|(name, _)| *name == ours) {
            self.read(*report, now);
        }
    }

    fn read(&mut self, report: Report, now: Moment) {
        let booked_until = self.budget.booked_until(self.rate(), now);
        let at = ReadAt { now, booked_until };
        self.ceiling.observe(report, self.line.ceiling, at);
    }

    fn stored(&self) -> StoredBudget {
        let ceiling = StoredCeiling {
            configured: self.line.ceiling.configured,
            found: self.ceiling.clone(),
        };
        StoredBudget {
            name: self.line.name.to_string(),
            next_at: self.budget.next_at.as_micros(),
            reserved_next_at: self.budget.reserved_next_at.as_micros(),
            ceiling: serde_json::to_string(&ceiling).expect("numbers, under names"),
        }
    }
}

impl StoredBudget {
    fn budget(&self) -> Budget {
        Budget {
            next_at: Moment::from_micros(self.next_at),
            reserved_next_at: Moment::from_micros(self.reserved_next_at),
        }
    }

    /// `None` where nothing is known yet, or only what another version understands.
    fn read_ceiling(&self) -> Option<StoredCeiling> {
        serde_json::from_str(&self.ceiling).ok()
    }

    fn read(&self) -> Option<BudgetRow> {
        let stored = self.read_ceiling()?;
        Some(BudgetRow {
            name: BudgetName::from_str(&self.name).ok()?,
            budget: self.budget(),
            configured: stored.configured,
            ceiling: stored.found,
        })
    }
}
