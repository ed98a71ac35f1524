//! `ferry check`: what would go wrong, found before anything is called with a user's token.
//!
//! It changes nothing: no ledger is made or migrated, no queue declared, no lock taken.

mod code;
mod disk;
mod ledger;
mod members;
mod queue;
mod report;
mod rows;
mod stytch;
mod userinfo;

use std::path::Path;

use anyhow::Result;
use ferry_ledger::{Clock, SystemClock};

pub(crate) use code::{Code, warning_code};
pub(crate) use report::Report;

use crate::config::{Api, Loaded};
use crate::exit::shown;
use crate::place::Place;
use crate::{crossing, key_ring, place, progress, registering};
use report::Area;

/// What is looked at beside the set-up.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) export: Option<&'a Path>,
    /// Members are looked up.
    pub(crate) members: bool,
    /// Of so many tokens the legacy provider is asked.
    pub(crate) ask: usize,
}

/// Settings that could not be put together at all.
pub(crate) fn of_unusable(error: &anyhow::Error, report: &mut Report) {
    report.add(Area::new("configuration").with(Code::Configuration, shown(error)));
}

/// Looks at everything, one thing after another.
pub(crate) async fn look(loaded: &Loaded, wanted: &Wanted<'_>, report: &mut Report) -> Result<()> {
    let config = &loaded.config;
    report.add(configuration(loaded)?);
    report.add(keys(loaded));
    let endpoint = match crossing::endpoint(config, loaded.env) {
        Ok(endpoint) => Some(endpoint),
        Err(error) => {
            report.add(Area::new("project").with(Code::Project, shown(&error)));
            None
        }
    };
    let client = match endpoint {
        Some(endpoint) => stytch::look(config, endpoint, report).await?,
        None => None,
    };
    match place::place(config) {
        Ok(Place::Embedded { folder, keys }) => {
            report.add(ledger::look_at_file(&folder, keys).await);
            report.add(disk::look(&folder, Some(&folder), wanted.export));
        }
        Ok(Place::Fleet(fleet)) => {
            report.add(ledger::look_at_server(&fleet).await);
            report.add(queue::look(&fleet.queue).await);
            report.add(disk::look(&fleet.folder, None, None));
        }
        // The ring has been told of.
        Err(_) if key_ring::given(&config.data).is_err() => {}
        Err(error) => report.add(Area::new("place").with(Code::Place, shown(&error))),
    }
    let Some(export) = wanted.export else {
        return Ok(());
    };
    let now = SystemClock::start().now();
    let opened = registering::open(config, export, now).await;
    let read = match opened {
        Ok(export) => {
            let keep = wanted.ask;
            let read = move |export, progress: &_| rows::Rows::read(export, keep, progress);
            progress::of_reading(export, read).await?
        }
        Err(error) => Err(error),
    };
    let rows = match read {
        Ok(rows) => rows,
        Err(error) => {
            report.add(Area::new("export").with(Code::Export, shown(&error)));
            return Ok(());
        }
    };
    report.add(rows.area());
    if wanted.ask > 0 {
        report.add(userinfo::look(config, &rows.tokens).await?);
    }
    match client {
        _ if !wanted.members => {}
        _ if config.stytch.api == Api::Consumer => {
            report.add(Area::passed_over(
                "members",
                "users of the Consumer API are not looked up",
            ));
        }
        Some(client) => report.add(members::look(&client, config, rows).await?),
        None => report.add(Area::passed_over("members", "Stytch could not be asked")),
    }
    Ok(())
}

fn configuration(loaded: &Loaded) -> Result<Area> {
    let config = &loaded.config;
    let api = match config.stytch.api {
        Api::B2b => "B2B",
        Api::Consumer => "Consumer",
    };
    let rates = config.rates.explained()?;
    let rates = rates
        .map(|(name, rate, _)| format!("{name} {rate}"))
        .join(", ");
    let area = Area::new("configuration").told(format!("{api} API; {rates}"));
    if config.rates.provider.is_none() && config.rates.userinfo.is_none() {
        return Ok(area.with(
            Code::ProviderUnset,
            "each session is one call to the legacy provider's UserInfo endpoint, and no rate spares it",
        ));
    }
    Ok(area)
}

fn keys(loaded: &Loaded) -> Area {
    let area = Area::new("key ring");
    match key_ring::given(&loaded.config.data) {
        Ok(Some(_)) => area.told("given by the settings"),
        Ok(None) => area.told("the data folder's own"),
        Err(error) => area.with(Code::KeyRing, shown(&error)),
    }
}
