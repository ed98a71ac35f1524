//! Looks for the members of parked sessions, and lets those go whose member exists by now.
//!
//! One call for each session, and few of them: what operators mend by hand is worth a small share of
//! the rate, and the sweeper's look-ups come out of the same share.

use std::time::Duration;

use ferry_core::replay::Obstacle;
use ferry_ledger::LedgerError;
use ferry_ledger::park::Parked;
use tokio_util::sync::CancellationToken;

use crate::settings::Tools;
use crate::sweeper;

/// Sessions read from the ledger at once.
const SESSIONS_PER_ROUND: u32 = 64;
/// Between two calls: 2 % of Stytch's usual rate.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
/// How often it is asked whether a look is due.
const IDLE_PAUSE: Duration = Duration::from_secs(1);
/// After a failure of Stytch or of the ledger.
const FAILURE_PAUSE: Duration = Duration::from_secs(10);

/// How a round went.
enum Round {
    Idle,
    Looked,
    /// Stytch did not answer, or could not be asked.
    Failed,
}

/// Looks until told to stop. One process at a time.
pub async fn watch(tools: &Tools, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        let after = match round(tools, stop).await {
            Ok(Round::Looked) => continue,
            Ok(Round::Idle) => IDLE_PAUSE,
            Ok(Round::Failed) => FAILURE_PAUSE,
            Err(error) => {
                tracing::warn!(%error, "parked sessions not looked at; they are later");
                FAILURE_PAUSE
            }
        };
        pause(after, stop).await;
    }
}

async fn round(tools: &Tools, stop: &CancellationToken) -> Result<Round, LedgerError> {
    let due = tools.ledger.parked_due(SESSIONS_PER_ROUND).await?;
    if due.is_empty() {
        return Ok(Round::Idle);
    }
    for parked in &due {
        if stop.is_cancelled() {
            break;
        }
        match parked.obstacle {
            None => {
                if let Err(obstacle) = look(parked, tools).await? {
                    tracing::warn!(session.id = %parked.session, %obstacle,
                        "member of a parked session not looked for yet");
                    return Ok(Round::Failed);
                }
                pause(BETWEEN_LOOKS, stop).await;
            }
            Some(obstacle) if obstacle.lasts() => give_up(parked, obstacle, tools).await?,
            Some(_) => later(parked, tools).await?,
        }
    }
    Ok(Round::Looked)
}

/// Asks for the member.
async fn look(
    parked: &Parked,
    tools: &Tools,
) -> Result<Result<(), sweeper::Obstacle>, LedgerError> {
    // Whatever comes of it, others have their turn first.
    later(parked, tools).await?;
    let found = sweeper::find_member(&parked.organization, &parked.email, tools).await;
    let found = match found {
        Ok(found) => found,
        Err(obstacle) => return Ok(Err(obstacle)),
    };
    if found.is_some() && tools.ledger.let_go(parked).await? {
        tracing::info!(session.id = %parked.session, run.id = %parked.run,
            "the member of a parked session exists: it goes again");
    }
    Ok(Ok(()))
}

async fn give_up(parked: &Parked, obstacle: Obstacle, tools: &Tools) -> Result<(), LedgerError> {
    tracing::info!(session.id = %parked.session, %obstacle,
        "a parked session can go no more; it is not parked any more");
    tools.ledger.give_up_parked(parked).await
}

async fn later(parked: &Parked, tools: &Tools) -> Result<(), LedgerError> {
    let after = tools.settings.parked_look;
    tools.ledger.look_for_later(parked, after).await
}

async fn pause(after: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(after) => {}
    }
}
