//! What is played: the rules in force, and how much there is of everything.

use crate::attempts::NAMES_PER_ROW;

/// The rules of one attempt and of the sweep.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    /// On an expired lease.
    pub(crate) take_over: TakeOver,
    /// Between claim and call.
    pub(crate) send: SendWhen,
    /// On recording.
    pub(crate) record_names: RecordNames,
    /// After an unanswered commit.
    pub(crate) unanswered: Unanswered,
    /// On the operator's word.
    pub(crate) cancel: Cancel,
    /// How often an attempt is swept.
    pub(crate) sweeps: Sweeps,
    /// From when on it may be swept.
    pub(crate) quiet: Quiet,
    /// The order of the sweep's readings.
    pub(crate) order: Order,
    /// What the sweep revokes.
    pub(crate) revoke: Revoke,
    /// What the sweep marks.
    pub(crate) mark: Mark,
    /// Where the sweep looks.
    pub(crate) find_by: FindBy,
}

impl Rules {
    /// The rules as the design has them.
    pub(crate) const FERRY: Self = Self {
        take_over: TakeOver::ListsOldAttempt,
        send: SendWhen::WithinLease,
        record_names: RecordNames::Fence,
        unanswered: Unanswered::RecordsTheSame,
        cancel: Cancel::RaisesFenceAndLists,
        sweeps: Sweeps::Once,
        quiet: Quiet::OutlastsSendWindowAndCall,
        order: Order::ListThenRead,
        revoke: Revoke::ListedAttempts,
        mark: Mark::WhatWasPicked,
        find_by: FindBy::HintOfAttempt,
    };
}

/// What a claim does that finds an expired lease.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum TakeOver {
    /// Appends the old attempt as unresolved, in the same transaction.
    ListsOldAttempt,
    /// Only claims: a blind retry.
    Blindly,
}

/// When a worker that has claimed may send.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendWhen {
    /// While enough of the lease is left for the call's timeout.
    WithinLease,
    /// Without a look at the lease.
    AtAnyTime,
}

/// What `record` names in its `WHERE`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordNames {
    /// The fence of the worker's claim.
    Fence,
    /// The fence, and that the row is running.
    FenceAndState,
    /// The row's id and no more.
    OnlyTheRow,
}

/// What a worker does whose commit was not answered, and that finds the row still running under its
/// own fence.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// It records the same result again.
    RecordsTheSame,
    /// It gives the attempt up, and records its outcome as unknown.
    RecordsUnknown,
}

/// What the operator's cancel or revoke does to a row that is not final.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cancel {
    /// Skips the row, raises its fence and lists a live attempt as unresolved, in one transaction.
    RaisesFenceAndLists,
    /// Forgets the live attempt.
    RaisesFenceOnly,
    /// Leaves the fence as it was.
    ListsOnly,
}

/// How often an unresolved attempt is swept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sweeps {
    /// There is no sweeper.
    Never,
    /// After its quiet time.
    Once,
    /// Once after the quiet time, once more at the end of the run.
    Twice,
}

/// How long after its listing an attempt is left alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quiet {
    /// Until its worker may no longer send, and what it sent can no longer mint.
    OutlastsSendWindowAndCall,
    /// Until what it has sent by now can no longer mint: shorter than the lease.
    OutlastsCallOnly,
    /// Not at all.
    Missing,
}

/// Which of its two readings the sweep takes first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Stytch's list, then the ledger.
    ListThenRead,
    /// The ledger, then Stytch's list.
    ReadThenList,
}

/// Which of the member's sessions the sweep revokes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Revoke {
    /// Those whose claim is an attempt listed as unresolved, swept before or not, unless recorded.
    ListedAttempts,
    /// The same, but an attempt once swept is struck off the list.
    UnsweptAttempts,
    /// All that the ledger holds neither for recorded nor for running.
    NeitherRecordedNorRunning,
    /// All that are not recorded: what "older than" comes to.
    WhateverIsNotRecorded,
    /// All of the member but the recorded session of the row that is swept.
    WholeMember,
}

/// Which attempts a sweep marks as swept when it is done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Those that it picked at its start, by their ids.
    WhatWasPicked,
    /// All of the member that are listed and quiet by then.
    WhatIsListedByThen,
}

/// How the sweep finds the members under whom an attempt may have minted, beside the row's own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FindBy {
    /// By the hint that the worker's `record` left on this attempt.
    HintOfAttempt,
    /// By the hint of any attempt of the row, written whatever the fence.
    HintOfRow,
    /// By asking the legacy provider whom the token names.
    AskingUserInfo,
}

/// Whether faults of one kind may happen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum May {
    /// At every step where it can.
    Happen,
    /// Never.
    NotHappen,
}

/// What may happen to the commit of a result.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commits {
    /// The worker always learns whether it landed.
    AreAnswered,
    /// It lands or is lost, and the worker does not learn which.
    MayGoUnanswered,
    /// And it may land after the row was read again.
    MayLandLate,
}

/// Rules, and the bounds that keep the space finite.
///
/// Crashes, lost requests, lost replies, pauses and duplicate messages are not counted: each may
/// come at every step where it can.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    /// The rules in force.
    pub(crate) rules: Rules,
    /// Legacy sessions, 1 or 2, all of one member.
    pub(crate) rows: usize,
    /// How often one row may be claimed, 1 to 4.
    pub(crate) claims_per_row: u8,
    /// How often a second sweeper takes the first one's lease while it is still at work.
    pub(crate) sweeper_take_overs: u8,
    /// How many requests outlive the quiet time.
    pub(crate) outliving_requests: u8,
    /// The operator cancels or revokes rows.
    pub(crate) cancel: May,
    /// What may happen to the commit of a result.
    pub(crate) commits: Commits,
    /// The first row's token names another person than the export does.
    pub(crate) foreign_token: May,
}

impl Scenario {
    /// One row claimed up to three times; crashes, losses, pauses and unanswered commits.
    pub(crate) const ONE_ROW: Self = Self {
        rules: Rules::FERRY,
        rows: 1,
        claims_per_row: 3,
        sweeper_take_overs: 0,
        outliving_requests: 0,
        cancel: May::NotHappen,
        commits: Commits::MayGoUnanswered,
        foreign_token: May::NotHappen,
    };

    /// Two rows of one member, each claimed once.
    pub(crate) const TWO_ROWS: Self = Self {
        rows: 2,
        claims_per_row: 1,
        ..Self::ONE_ROW
    };

    /// Whether the row's token names another person.
    pub(crate) fn is_foreign(&self, row: usize) -> bool {
        row == 0 && self.foreign_token == May::Happen
    }
}

const _: () = assert!(
    Scenario::ONE_ROW.claims_per_row <= NAMES_PER_ROW,
    "a claim needs a name"
);
