//! `ferry verify`.

mod ask;
mod draw;
mod found;

use anyhow::Result;
use ferry_core::id::SessionId;
use ferry_ledger::Ledger;
use ferry_ledger::mappings::Mapping;
use ferry_ledger::runs::Run;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio_util::sync::CancellationToken;

use self::ask::{Asker, Pace};
use self::draw::Drawn;
use self::found::Found;
use super::runs::find;
use crate::cli::Global;
use crate::cli::lookups::VerifyArgs;
use crate::crossing;
use crate::exit::Exit;
use crate::place::place;
use crate::progress::Counted;
use crate::stop;

/// Mappings read from the ledger at once: a member's sessions among them take one call.
const PAGE: u32 = 1_000;

pub(super) async fn execute(global: Global, args: VerifyArgs) -> Result<Exit> {
    let loaded = global.load()?;
    let asks = args.all || args.sample > 0;
    let endpoint = asks
        .then(|| crossing::endpoint(&loaded.config, loaded.env))
        .transpose()?;
    let ledger = place(&loaded.config)?.look().await?;
    let run = find(&ledger, &args.run).await?;
    let stop = stop::on_signals(None)?;
    let mut found = Found::in_ledger(&ledger, &run).await?;
    if let Some(endpoint) = endpoint {
        let (stytch, limiter) = crossing::for_asking(&loaded.config, endpoint, &ledger)?;
        let pace = if args.all { Pace::Whole } else { Pace::Share };
        let asker = Asker::new(ledger.clone(), stytch, limiter, pace);
        let pages = Pages::of(&ledger, &run);
        if args.all {
            ask_all(pages, &asker, &stop, &mut found).await?;
        } else {
            let sample = drawn(pages, args.sample, &found, &stop).await?;
            let progress = Counted::of("asking", Some(sample.len() as u64));
            asker.ask(sample, &stop, (&mut found, &progress)).await?;
        }
    }
    ledger.close().await;
    found.print(args.json)?;
    Ok(if stop.is_cancelled() {
        Exit::Interrupted
    } else {
        found.exit()
    })
}

async fn ask_all(
    mut pages: Pages<'_>,
    asker: &Asker,
    stop: &CancellationToken,
    found: &mut Found,
) -> Result<()> {
    let progress = Counted::of("asking", Some(found.in_force()));
    while let Some(page) = pages.next().await? {
        asker.ask(page, stop, (found, &progress)).await?;
        if stop.is_cancelled() {
            break;
        }
    }
    Ok(())
}

/// A sample of them, each as likely as the others.
async fn drawn(
    mut pages: Pages<'_>,
    size: u32,
    found: &Found,
    stop: &CancellationToken,
) -> Result<Vec<Mapping>> {
    let progress = Counted::of("drawing", Some(found.in_force()));
    let mut rng = StdRng::try_from_rng(&mut rand::rngs::SysRng)?;
    let mut drawn = Drawn::of_at_most(size as usize);
    while let Some(page) = pages.next().await? {
        progress.add(page.len() as u64);
        for mapping in page {
            drawn.offer(mapping, &mut rng);
        }
        if stop.is_cancelled() {
            break;
        }
    }
    Ok(drawn.into_sample())
}

/// The mappings of a run that are in force.
struct Pages<'a> {
    ledger: &'a Ledger,
    run: &'a Run,
    after: Option<SessionId>,
}

impl<'a> Pages<'a> {
    fn of(ledger: &'a Ledger, run: &'a Run) -> Self {
        Self {
            ledger,
            run,
            after: None,
        }
    }

    async fn next(&mut self) -> Result<Option<Vec<Mapping>>> {
        let run = Some(self.run.id);
        let page = self.ledger.mappings_of(run, self.after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        self.after = Some(last.session);
        let in_force = page.into_iter();
        let in_force = in_force.filter(|mapping| ask::is_in_force(mapping, self.ledger));
        Ok(Some(in_force.collect()))
    }
}
