//! What can be found: each with a stable code, and a remedy.

use serde::Serialize;
use strum::{Display, EnumString, VariantArray};

/// What was found. The names are stable; docs/check.md has them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, VariantArray, Serialize)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(crate) enum Code {
    Configuration,
    ProviderUnset,
    KeyRing,
    Project,
    Place,
    StytchAway,
    CredentialsRefused,
    ProjectDiffers,
    ClockWrong,
    ClockSkewed,
    LedgerAway,
    LedgerRefused,
    LedgerNewer,
    LedgerOlder,
    LedgerKeys,
    LedgerReadOnly,
    LedgerConnections,
    QueueAway,
    QueueRefused,
    QueueBlocked,
    QueueIncomplete,
    DataFolder,
    DiskFull,
    DiskLow,
    Export,
    NothingToCarry,
    RowsRejected,
    TokensMissing,
    TokensOver,
    WrongAudience,
    MissingScope,
    TokenEncrypted,
    TokenAlgorithm,
    OrganizationsMissing,
    MembersMissing,
    MembersUnknown,
    IssuerUnset,
    UserinfoAway,
    TokensRefused,
    EmailsMissing,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// A run would work, not as well as it could.
    Warning,
    /// A run would fail, or pause.
    Error,
}

impl Code {
    pub(crate) fn severity(self) -> Severity {
        match self {
            Self::ProviderUnset
            | Self::ClockSkewed
            | Self::LedgerOlder
            | Self::LedgerConnections
            | Self::QueueIncomplete
            | Self::DiskLow
            | Self::RowsRejected
            | Self::TokensMissing
            | Self::TokensOver
            | Self::WrongAudience
            | Self::MissingScope
            | Self::TokenEncrypted
            | Self::TokenAlgorithm
            | Self::OrganizationsMissing
            | Self::MembersMissing
            | Self::MembersUnknown
            | Self::TokensRefused
            | Self::EmailsMissing => Severity::Warning,
            _ => Severity::Error,
        }
    }

    /// What the operator can do about it.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::Configuration => {
                "mend it where the cause says; `ferry config reference` has all settings"
            }
            Self::ProviderUnset => "name the provider in rates.provider, or give rates.userinfo",
            Self::KeyRing => "give the ring that the ledger was made with, in a file of mode 0600",
            Self::Project => {
                "give project id and secret in .env.test or .env.live, and the --env that fits them"
            }
            Self::Place => "set both ledger.url and queue.url for a fleet, or neither",
            Self::StytchAway => {
                "check stytch.base_url, DNS, the firewall and the root certificates; see Stytch's status page"
            }
            Self::CredentialsRefused => {
                "copy project id and secret from the Stytch Dashboard, under API keys"
            }
            Self::ProjectDiffers => "give the secret of the project that is meant",
            Self::ClockWrong | Self::ClockSkewed => {
                "set the clock by NTP: by it tokens are told to be over, and sessions are given their ends"
            }
            Self::LedgerAway => "start the database, and check host, port and firewall",
            Self::LedgerRefused => {
                "check user, password, database, rights and certificate; of a file: name another data folder"
            }
            Self::LedgerNewer => "use the version of Ferry that wrote it, or another ledger",
            Self::LedgerOlder => {
                "nothing, if all processes are of this version: the first that works brings it up to date"
            }
            Self::LedgerKeys => "restore the key ring that the ledger was made with",
            Self::LedgerReadOnly => "connect to the primary, and let this user write",
            Self::LedgerConnections => {
                "raise max_connections at the server, or lower ledger.connections"
            }
            Self::QueueAway => "start the broker, and check host, port, TLS and firewall",
            Self::QueueRefused => {
                "check user, password, virtual host and permissions at the broker"
            }
            Self::QueueBlocked => {
                "free memory or disk at the broker: `rabbitmqctl status` tells which"
            }
            Self::QueueIncomplete => "nothing: the first worker declares what is missing",
            Self::DataFolder => {
                "name a folder that this user may write to, in data.folder or --data"
            }
            Self::DiskFull | Self::DiskLow => "free some space, or name another folder with --data",
            Self::Export => "mend the export as the cause says",
            Self::NothingToCarry => "see the other findings; `ferry plan` tells more",
            Self::RowsRejected => {
                "mend the query or program that writes the export: `ferry plan` tells the reasons"
            }
            Self::TokensMissing => "these live in browsers only: they cannot be carried beforehand",
            Self::TokensOver => "export again shortly before the run",
            Self::WrongAudience => {
                "have the application ask for the audience https://<tenant>/userinfo, or set export.audience"
            }
            Self::MissingScope => "have the application ask for the scopes `openid email`",
            Self::TokenEncrypted => {
                "export the tokens for the UserInfo endpoint, not those for an API"
            }
            Self::TokenAlgorithm => {
                "have the API sign with RS256: Auth0's UserInfo takes no other JWT"
            }
            Self::OrganizationsMissing => {
                "create them at Stytch, or mend export.columns.organization (id, slug or external id)"
            }
            Self::MembersMissing => {
                "create them in their organizations at Stytch, with the email that the legacy provider tells"
            }
            Self::IssuerUnset => "set legacy.issuer to what the provider's tokens name in `iss`",
            Self::UserinfoAway => {
                "check legacy.issuer, DNS and the firewall; ask again when the provider is well"
            }
            Self::TokensRefused => {
                "export again shortly before the run; see the provider's log for its reason"
            }
            Self::EmailsMissing => {
                "have the application ask for the scope `email`, and the people have one"
            }
            Self::MembersUnknown => {
                "run the check again when Stytch answers, or leave it out with --no-members"
            }
        }
    }
}

/// The code of a warning, as it is accepted on the command line.
pub(crate) fn warning_code(text: &str) -> Result<Code, String> {
    let code: Code = text.parse().map_err(|_| {
        let nearest = Code::VARIANTS.iter().map(ToString::to_string);
        let nearest =
            nearest.max_by(|a, b| strsim::jaro(a, text).total_cmp(&strsim::jaro(b, text)));
        let nearest = nearest.filter(|nearest| strsim::jaro(nearest, text) > 0.7);
        nearest.map_or(
            "no such code: docs/check.md has them all".to_owned(),
            |nearest| format!("no such code; did you mean {nearest}?"),
        )
    })?;
    match code.severity() {
        Severity::Warning => Ok(code),
        Severity::Error => Err("this is an error: it cannot be accepted".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_every_code_with_its_remedy() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/check.md");
        let page = std::fs::read_to_string(page).unwrap_or_default();
        for code in Code::VARIANTS {
            let severity = match code.severity() {
                Severity::Warning => "warning",
                Severity::Error => "error",
            };
            let row = format!("| `{code}` | {severity} | {} |", code.remedy());
            assert!(page.contains(&row), "put this into docs/check.md:\n{row}");
        }
    }

    #[test]
    fn a_typo_is_told_and_an_error_is_not_accepted() {
        assert_eq!(warning_code("disk_low"), Ok(Code::DiskLow));
        assert!(warning_code("disk_lo").is_err_and(|told| told.contains("disk_low")));
        assert!(warning_code("ledger_away").is_err_and(|told| told.contains("cannot be accepted")));
    }
}
