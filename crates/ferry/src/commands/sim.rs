//! `ferry sim` and `ferry sim export`.

use std::collections::BTreeMap;
use std::io::BufWriter;

use anyhow::{Context, Result};
use ferry_sim::export::{self, ExportOptions, Format};
use ferry_sim::{Faults, Options, Population, Simulator};

use crate::cli::{PopulationArgs, SimArgs, SimCommand, SimExportArgs, SimFormat};
use crate::config::LogFormat;
use crate::exit::{Coded, Exit};
use crate::{stop, telemetry};

pub(super) async fn execute(args: SimArgs) -> Result<Exit> {
    telemetry::init(LogFormat::Human);
    match args.command {
        Some(SimCommand::Export(export)) => write_export(&export),
        None => serve(args).await,
    }
}

async fn serve(args: SimArgs) -> Result<Exit> {
    let faults = args.faults.as_deref().map(serde_json::from_str::<Faults>);
    let faults = faults
        .transpose()
        .context("--faults")
        .context(Coded(Exit::Usage))?;
    let mut simulator = Simulator::start(Options {
        address: args.listen,
        population: args.population.population(),
        faults: faults.unwrap_or_default(),
        fast: args.fast,
        time_scale: args.time_scale,
        ..Options::default()
    })
    .await
    .context(Coded(Exit::Usage))?;
    let credentials = simulator.credentials();
    let audit = format!("{}/sim/audit", simulator.base_url());
    let told = [
        ("base_url", simulator.base_url()),
        ("project_id", &credentials.project_id),
        ("secret", &credentials.secret),
        ("issuer", simulator.issuer()),
        ("audit", &audit),
    ];
    if args.json {
        // Documented in docs/json.md.
        let told: BTreeMap<_, _> = told.into_iter().collect();
        println!("{}", serde_json::to_string(&told)?);
    } else {
        for (name, value) in told {
            println!("{name:<10}  {value}");
        }
    }
    stop::on_signals(None)?.cancelled().await;
    simulator.stop().await;
    Ok(Exit::Done)
}

fn write_export(args: &SimExportArgs) -> Result<Exit> {
    let issuer = format!("{}/oidc", args.base_url.trim_end_matches('/'));
    let now = args.now.unwrap_or_else(now);
    let options = ExportOptions {
        format: match args.format {
            SimFormat::Csv => Format::Csv,
            SimFormat::Ndjson => Format::Ndjson,
        },
        ..ExportOptions::new(issuer, now)
    };
    let mut standard_output = BufWriter::new(std::io::stdout().lock());
    let summary = export::write(
        &args.population.population(),
        &mut standard_output,
        &options,
    )?;
    eprintln!("{}", serde_json::to_string(&summary)?);
    Ok(Exit::Done)
}

#[expect(
    clippy::disallowed_methods,
    reason = "an export is of the moment in which it is asked for"
)]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

impl PopulationArgs {
    fn population(&self) -> Population {
        if self.realistic {
            Population::realistic(self.sessions, self.seed)
        } else {
            Population::new(self.sessions, self.seed)
        }
    }
}
