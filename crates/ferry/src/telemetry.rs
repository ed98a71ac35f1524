//! Log lines on standard error.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::LogFormat;
use crate::progress;

/// Level `info` unless `RUST_LOG` says otherwise.
pub(crate) fn init(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(AboveTheBars);
    let colour = io::IsTerminal::is_terminal(&io::stderr())
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // An error means that a subscriber is set already, which then does the work.
    let _ = match format {
        LogFormat::Human => builder.with_target(false).with_ansi(colour).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
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
