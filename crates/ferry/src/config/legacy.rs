//! The provider that sessions come from.

use anyhow::{Result, bail};
use ferry_oidc::Issuer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The provider that sessions come from.
///
/// When Stytch could not use what UserInfo answered, it does not say why. With `probe` Ferry asks
/// UserInfo itself, with the session's own token: a refused token is dead at once
/// (`token_refused`), and so is one without an email (`email_missing`); while the provider is down
/// or busy, the session waits and spends no attempt.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Legacy {
    /// The provider as its tokens name it in `iss`: `https://tenant.auth0.com/` (`http://` on
    /// loopback only). Its UserInfo endpoint is found by `OpenID` Connect discovery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) issuer: Option<String>,
    /// Whether Ferry asks UserInfo itself. Needs `issuer`. Each question is one more call, within
    /// the rates for the provider and for each person. From where Ferry runs, the provider must be
    /// in reach.
    pub(crate) probe: bool,
}

impl Legacy {
    /// Whom to ask; `None`: nobody.
    pub(crate) fn probed(&self) -> Result<Option<Issuer>> {
        let issuer = self.issuer.as_deref().map(str::parse::<Issuer>);
        let issuer = issuer.transpose()?;
        if self.probe && issuer.is_none() {
            bail!(
                "legacy.probe is on, and legacy.issuer is unset: set it to what the provider's tokens name in `iss`, like https://tenant.auth0.com/"
            );
        }
        Ok(issuer.filter(|_| self.probe))
    }
}
