//! Log lines on standard error.

use std::io::{self, Write};

use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::LogFormat;
use crate::progress;

/// Unless `RUST_LOG` says otherwise. PostgreSQL's notices are for who migrates by hand.
const LEVELS: &str = "info,sqlx=warn";

/// Logs to standard error.
pub(crate) fn init(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LEVELS));
    let filter = filter.and(filter_fn(|metadata| is_fit_for_eyes(metadata.target())));
    let colour = io::IsTerminal::is_terminal(&io::stderr())
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = tracing_subscriber::fmt::layer().with_writer(AboveTheBars);
    let lines = match format {
        LogFormat::Human => lines.with_target(false).with_ansi(colour).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    // An error means that a subscriber is set already, which then does the work.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .try_init();
}

/// lapin logs every frame at TRACE, the login with its password among them, and at WARN a message
/// that came back with its whole body. What of it matters to an operator, `ferry-queue` says.
fn is_fit_for_eyes(target: &str) -> bool {
    !target.starts_with("lapin")
}

/// Writes a line to standard error without tearing the progress bars.
struct AboveTheBars;

impl<'a> MakeWriter<'a> for AboveTheBars {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line
    }
}

struct Line;

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        progress::above_the_bars(|| io::stderr().write(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_the_brokers_password_is_never_logged() {
        for target in ["lapin", "lapin::io_loop", "lapin::channel"] {
            assert!(!is_fit_for_eyes(target));
        }
        assert!(is_fit_for_eyes("ferry_queue::rabbitmq::link"));
    }
}
