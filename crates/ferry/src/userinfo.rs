//! The legacy provider, as far as Ferry asks it.

use std::sync::Arc;

use anyhow::{Context, Result};
use ferry_oidc::{Probe, Settings};
use ferry_worker::Userinfo;

use crate::config::Config;
use crate::exit::{Coded, Exit};

/// UserInfo, if the settings have Ferry ask it.
pub(crate) fn of(config: &Config) -> Result<Option<Arc<Userinfo>>> {
    let Some(issuer) = config.legacy.probed().context(Coded(Exit::Usage))? else {
        return Ok(None);
    };
    // As long as for Stytch: what is left of a lease is reckoned by that.
    let call_timeout = config.stytch.call_timeout.get();
    let probe = Probe::new(Settings {
        issuer,
        call_timeout,
        connect_timeout: call_timeout / 2,
    })?;
    Ok(Some(Arc::new(Userinfo::new(probe))))
}

/// Finds out where UserInfo is. What must be mended is told now; a provider that is away may be
/// back when it is asked.
pub(crate) async fn check(userinfo: Option<&Arc<Userinfo>>) -> Result<()> {
    let Some(userinfo) = userinfo else {
        return Ok(());
    };
    match userinfo.discover().await {
        Err(error) if !error.is_passing() => Err(error).context(Coded(Exit::Usage)),
        Err(error) => {
            tracing::warn!(%error, "UserInfo not found yet");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}
