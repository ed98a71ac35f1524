//! The ledger, as it lies there.

use std::path::Path;

use ferry_ledger::inspect::{Inspection, Schema, Server};
use ferry_ledger::seal::KeyRing;
use ferry_ledger::{Clock, Ledger, LedgerError, SystemClock};

use super::Code;
use super::report::Area;
use super::stytch::compared;
use crate::data_folder;
use crate::exit::shown;
use crate::place::Fleet;

pub(super) async fn look_at_file(folder: &Path, given: Option<KeyRing>) -> Area {
    let area = Area::new("ledger");
    let ledger = folder.join(data_folder::LEDGER);
    let keys = match given {
        Some(keys) => Some(keys),
        None => match data_folder::kept_keys(folder) {
            Ok(keys) => keys,
            Err(error) => return area.with(Code::KeyRing, shown(&error)),
        },
    };
    match Ledger::inspect_file(&ledger, keys.as_ref()).await {
        Ok(found) => of_schema(area, &found, &folder.display().to_string()),
        Err(error) => failed(area, &error),
    }
}

pub(super) async fn look_at_server(fleet: &Fleet) -> Area {
    let area = Area::new("ledger");
    match Ledger::inspect_server(&fleet.ledger, &fleet.keys).await {
        Ok(found) => match &found.server {
            Some(server) => {
                let place = format!("PostgreSQL {}", server.version);
                let area = of_schema(area, &found, &place);
                of_server(area, server, fleet.ledger.connections)
            }
            None => of_schema(area, &found, "PostgreSQL"),
        },
        Err(error) => failed(area, &error),
    }
}

fn of_schema(area: Area, found: &Inspection, place: &str) -> Area {
    match found.schema {
        Schema::Missing => area.told(format!("{place}: none yet, the first run makes it")),
        Schema::Current => area.told(format!("{place}: its schema is this version's")),
        Schema::Older { found, wanted } => area.with(
            Code::LedgerOlder,
            format!("its schema is {found}, this version's is {wanted}"),
        ),
        Schema::Newer { found } => area.with(
            Code::LedgerNewer,
            format!("its schema is {found}, which this version does not know"),
        ),
    }
}

fn of_server(mut area: Area, server: &Server, wanted: u32) -> Area {
    if server.read_only {
        area = area.with(Code::LedgerReadOnly, "the database takes no writes");
    }
    let free = server.max_connections.saturating_sub(server.connections);
    if free < wanted {
        let cause = format!(
            "{} of {} connections are taken, and each process wants {wanted}",
            server.connections, server.max_connections
        );
        area = area.with(Code::LedgerConnections, cause);
    }
    match compared(
        Area::new("clock"),
        server.now,
        SystemClock::start().now(),
        "the database's",
    ) {
        clock if clock.is_well() => area,
        clock => area.and(clock),
    }
}

fn failed(area: Area, error: &LedgerError) -> Area {
    let code = match error {
        LedgerError::WrongKeys { .. } => Code::LedgerKeys,
        LedgerError::Refused(_) | LedgerError::NotALedger { .. } => Code::LedgerRefused,
        LedgerError::ReadOnly => Code::LedgerReadOnly,
        _ => Code::LedgerAway,
    };
    area.with(code, error.to_string())
}
