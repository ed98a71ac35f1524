//! `ferry check`.

use anyhow::Result;

use crate::check::{self, Report, Wanted};
use crate::cli::{CheckArgs, Global};
use crate::config::{Overrides, load};
use crate::exit::Exit;
use crate::telemetry;

pub(super) async fn execute(global: Global, args: CheckArgs) -> Result<Exit> {
    let overrides = Overrides {
        rate: args.rate,
        ..global.overrides()
    };
    let mut report = Report::accepting(args.accept_warning);
    match load(&overrides) {
        Ok(loaded) => {
            telemetry::init(loaded.config.log.format);
            let wanted = Wanted {
                export: args.export.as_deref(),
                members: !args.no_members,
                ask: args.ask_userinfo.into(),
            };
            check::look(&loaded, &wanted, &mut report).await?;
        }
        Err(error) => check::of_unusable(&error, &mut report),
    }
    report.print(args.json)?;
    Ok(report.exit())
}
