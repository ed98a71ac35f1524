//! Progress: bars on a terminal, log lines elsewhere.

use std::io::IsTerminal;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ferry_core::books::Books;
use ferry_core::progress::{rate_per_second, time_left};
use ferry_ledger::Ledger;
use ferry_ledger::runs::Run;
use ferry_producer::register;
use ferry_producer::source::Export;
use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

use crate::crossing::Crossing;

static BARS: OnceLock<MultiProgress> = OnceLock::new();

/// Runs `write` while the bars are out of the way.
pub(crate) fn above_the_bars<T>(write: impl FnOnce() -> T) -> T {
    match BARS.get() {
        Some(bars) => bars.suspend(write),
        None => write(),
    }
}

/// How often log lines tell the progress of registering, which takes minutes,
const LINE_EVERY: Duration = Duration::from_secs(10);
/// and that of a crossing, which takes hours.
const SUMMARY_EVERY: Duration = Duration::from_mins(1);
/// How often bars move.
const BAR_EVERY: Duration = Duration::from_millis(500);
/// Counting a large ledger takes its time: then the next count waits so many times as long.
const PAUSE_PER_COUNT: u32 = 50;

fn bar(length: u64, template: &str) -> Option<ProgressBar> {
    if !std::io::stderr().is_terminal() {
        return None;
    }
    let bars = BARS.get_or_init(MultiProgress::new);
    let style = ProgressStyle::with_template(template).expect("a template of our own");
    Some(bars.add(ProgressBar::new(length).with_style(style.progress_chars("━╸─"))))
}

/// Shows registering until `done`; `bytes` is the export's size, if known.
pub(crate) async fn of_registering(
    progress: &register::Progress,
    bytes: Option<u64>,
    done: &CancellationToken,
) {
    of_rows("registering", progress, bytes, done).await;
}

/// Reads an export on a thread of its own, and shows how far it is. `read` keeps the progress.
pub(crate) async fn of_reading<T: Send + 'static>(
    export: Export,
    read: impl FnOnce(Export, &register::Progress) -> T + Send + 'static,
) -> Result<T, tokio::task::JoinError> {
    let progress = Arc::new(register::Progress::default());
    let bytes = export.progress().bytes_total();
    let done = CancellationToken::new();
    let reading = async {
        let _done = done.drop_guard_ref();
        let progress = Arc::clone(&progress);
        tokio::task::spawn_blocking(move || read(export, &progress)).await
    };
    tokio::join!(reading, of_rows("reading", &progress, bytes, &done)).0
}

async fn of_rows(
    what: &'static str,
    progress: &register::Progress,
    bytes: Option<u64>,
    done: &CancellationToken,
) {
    let bar = bar(
        bytes.unwrap_or_default(),
        "{prefix:11} {bar:30} {percent:>3} %  {bytes}/{total_bytes}  {msg}",
    );
    let _gone_at_the_end = bar.as_ref().map(ClearOnDrop);
    let every = if bar.is_some() { BAR_EVERY } else { LINE_EVERY };
    while pause(every, done).await {
        let records = progress.records.load(Ordering::Relaxed);
        let read = progress.bytes.load(Ordering::Relaxed);
        if let Some(bar) = &bar {
            bar.set_prefix(what);
            bar.set_position(read);
            bar.set_message(format!("{records} rows"));
        } else {
            tracing::info!(rows = records, bytes = read, "{what}");
        }
    }
}

/// False once it is done.
async fn pause(duration: Duration, done: &CancellationToken) -> bool {
    tokio::time::timeout(duration, done.cancelled())
        .await
        .is_err()
}

/// Shows a crossing until `done`.
pub(crate) async fn of_crossing(
    run: &Run,
    ledger: &Ledger,
    crossing: &Crossing,
    done: &CancellationToken,
) {
    let bar = bar(
        0,
        "crossing    {bar:30} {percent:>3} %  {pos}/{len}  {prefix}\n            {wide_msg}",
    );
    let _gone_at_the_end = bar.as_ref().map(ClearOnDrop);
    let every = if bar.is_some() {
        BAR_EVERY
    } else {
        SUMMARY_EVERY
    };
    let began = Instant::now();
    let mut settled_at_start = None;
    loop {
        let counting = Instant::now();
        if let Ok(books) = ledger.books(run.id).await {
            let first = *settled_at_start.get_or_insert(books.settled());
            let rate = rate_per_second(books.settled().saturating_sub(first), began.elapsed());
            show(bar.as_ref(), run, &books, rate, crossing.limited_by(&books));
        }
        if !pause(every.max(counting.elapsed() * PAUSE_PER_COUNT), done).await {
            return;
        }
    }
}

/// Tells from time to time what this process has done, until `done`.
pub(crate) async fn of_working(crossing: &Crossing, done: &CancellationToken) {
    let tally = &crossing.tools.tally;
    let finished = || {
        let finished = [&tally.migrated, &tally.skipped, &tally.dead];
        let finished = finished.map(|count| count.load(Ordering::Relaxed));
        finished.iter().sum::<u64>()
    };
    let mut before = finished();
    while pause(SUMMARY_EVERY, done).await {
        let now = finished();
        tracing::info!(
            migrated = tally.migrated.load(Ordering::Relaxed),
            skipped = tally.skipped.load(Ordering::Relaxed),
            dead = tally.dead.load(Ordering::Relaxed),
            retried = tally.retried.load(Ordering::Relaxed),
            in_flight = tally.in_flight.load(Ordering::Relaxed),
            rate_per_second = format!("{:.1}", rate_per_second(now - before, SUMMARY_EVERY)),
            "working"
        );
        before = now;
    }
}

fn show(bar: Option<&ProgressBar>, run: &Run, books: &Books, rate: f64, limited_by: &str) {
    let left = time_left(books.open(), rate).map(|left| HumanDuration(left).to_string());
    let left = left.unwrap_or_else(|| "unknown".to_owned());
    let Some(bar) = bar else {
        tracing::info!(
            run.name = run.name,
            migrated = books.migrated,
            skipped = books.skipped,
            dead = books.dead,
            waiting = books.waiting,
            open = books.open(),
            rate_per_second = format!("{rate:.1}"),
            time_left = left,
            limited_by,
            "crossing"
        );
        return;
    };
    bar.set_length(books.sessions());
    bar.set_position(books.settled());
    bar.set_prefix(format!("{rate:.0}/s, {left} left"));
    bar.set_message(format!(
        "{} migrated, {} skipped, {} dead, {} waiting · limited by {limited_by}",
        books.migrated, books.skipped, books.dead, books.waiting
    ));
}

/// How far something is that a command counts itself: a bar on a terminal, nothing elsewhere. Gone
/// when it is dropped.
pub(crate) struct Counted(Option<ProgressBar>);

impl Counted {
    /// Of so many, if that is known.
    pub(crate) fn of(what: &'static str, total: Option<u64>) -> Self {
        let template = match total {
            Some(_) => "{prefix:11} {bar:30} {percent:>3} %  {pos}/{len}  {eta} left",
            None => "{prefix:11} {spinner} {pos}",
        };
        let bar = bar(total.unwrap_or_default(), template);
        Self(bar.map(|bar| bar.with_prefix(what)))
    }

    /// So many more.
    pub(crate) fn add(&self, more: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(more);
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

struct ClearOnDrop<'a>(&'a ProgressBar);

impl Drop for ClearOnDrop<'_> {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
