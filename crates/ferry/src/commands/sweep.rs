//! `ferry sweep`: look up what is due now.

use anyhow::Result;
use ferry_worker::sweeper::{self, Round};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::cli::Global;
use crate::crossing::{self, Crossing};
use crate::exit::Exit;
use crate::place::place;
use crate::site::Site;
use crate::stop;

/// Looks up attempts of unknown outcome whose look is due, the second looks included, and tells
/// when the next one is.
pub(super) async fn execute(global: Global, json: bool) -> Result<Exit> {
    let loaded = global.load()?;
    let endpoint = crossing::endpoint(&loaded.config, loaded.env)?;
    let mut rng = StdRng::try_from_rng(&mut rand::rngs::SysRng)?;
    let site = Site::enter(place(&loaded.config)?, 1, &mut rng).await?;
    let ledger = &site.ledger;
    let crossing = Crossing::new(&loaded.config, endpoint, &site)?;
    crossing.check_credentials().await?;
    let stop = stop::on_signals(None)?;
    let mut looked = 0;
    let exit = loop {
        let Round { due, failed } = sweeper::round(&crossing.tools, &stop).await?;
        looked += due - failed;
        if stop.is_cancelled() {
            break Exit::Interrupted;
        }
        if failed > 0 {
            break Exit::Auditing;
        }
        if due == 0 {
            break Exit::Done;
        }
    };
    let next = ledger.next_look().await?;
    if json {
        // Documented in docs/json.md.
        let next = next.map(|next| next.to_string());
        println!(
            "{}",
            serde_json::json!({"looked_up": looked, "next_look": next})
        );
    } else {
        println!("{looked} attempts looked up");
        if let Some(next) = next {
            println!("the next look is due at {next}");
        }
    }
    site.leave().await;
    Ok(exit)
}
