//! `ferry plan`.

use anyhow::Result;
use ferry_core::Timestamp;
use ferry_ledger::{Clock, SystemClock};

use crate::cli::{Global, PlanArgs};
use crate::config::Overrides;
use crate::exit::Exit;
use crate::plan::{Assumptions, Census, Plan};
use crate::{progress, registering};

pub(super) async fn execute(global: Global, args: PlanArgs) -> Result<Exit> {
    let overrides = Overrides {
        rate: args.rate,
        ..global.overrides()
    };
    let config = super::load_and_log(&overrides)?.config;
    let begin = match args.begin_at {
        Some(begin) => Timestamp::from_millis(begin.as_millisecond()),
        None => SystemClock::start().now(),
    };
    let export = registering::open(&config, &args.export, begin).await?;
    let name = match args.export.as_os_str() {
        name if name == "-" => "standard input".to_owned(),
        name => name.to_string_lossy().into_owned(),
    };
    let taking = move |export, progress: &_| Census::take(export, begin, progress);
    let census = progress::of_reading(export, taking).await??;
    let assumed = Assumptions {
        rates: &config.rates,
        begin,
        back_within: args.back_within.get(),
    };
    Plan::of(name, census, &assumed)?.print(args.json)?;
    Ok(Exit::Done)
}
