//! Organizations: few, kept, and written as JSON once.

use std::collections::HashMap;

use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::Failure;
use crate::population::{Organization, Population};

/// All organizations of the project.
pub(crate) struct Organizations {
    all: Vec<(Organization, Box<RawValue>)>,
    by_reference: HashMap<String, u32>,
}

impl Organizations {
    pub(crate) fn new(population: &Population) -> Self {
        let all: Vec<_> = (0..population.organizations.max(1))
            .map(|number| population.organization(number))
            .map(|organization| (organization.clone(), view(&organization)))
            .collect();
        let by_reference = all
            .iter()
            .flat_map(|(organization, _)| {
                references(organization).map(|name| (name, organization.number))
            })
            .collect();
        Self { all, by_reference }
    }

    /// The organization with this id, slug or external id.
    pub(crate) fn by_reference(&self, reference: &str) -> Result<&Organization, Failure> {
        self.by_reference
            .get(reference)
            .map(|number| self.by_number(*number))
            .ok_or_else(Failure::organization_not_found)
    }

    pub(crate) fn by_number(&self, number: u32) -> &Organization {
        &self.entry(number).0
    }

    /// The organization as replies show it.
    pub(crate) fn view(&self, number: u32) -> &RawValue {
        &self.entry(number).1
    }

    /// Whether a list of ids, slugs and external ids names this organization.
    pub(crate) fn is_listed(&self, number: u32, list: &[String]) -> bool {
        !list.is_empty()
            && references(self.by_number(number))
                .iter()
                .any(|name| list.contains(name))
    }

    fn entry(&self, number: u32) -> &(Organization, Box<RawValue>) {
        &self.all[usize::try_from(number).expect("a u32 is a usize")]
    }
}

fn references(organization: &Organization) -> [String; 3] {
    let Organization {
        organization_id,
        slug,
        external_id,
        ..
    } = organization.clone();
    [organization_id, slug, external_id]
}

fn view(organization: &Organization) -> Box<RawValue> {
    to_raw_value(&json!({
        "organization_id": organization.organization_id,
        "organization_name": organization.name,
        "organization_logo_url": "",
        "organization_slug": organization.slug,
        "organization_external_id": organization.external_id,
        "sso_jit_provisioning": "ALL_ALLOWED",
        "sso_jit_provisioning_allowed_connections": [],
        "sso_active_connections": [],
        "email_allowed_domains": [],
        "email_jit_provisioning": "NOT_ALLOWED",
        "email_invites": "ALL_ALLOWED",
        "auth_methods": "ALL_ALLOWED",
        "allowed_auth_methods": [],
        "mfa_policy": "OPTIONAL",
        "rbac_email_implicit_role_assignments": [],
        "mfa_methods": "ALL_ALLOWED",
        "allowed_mfa_methods": [],
        "oauth_tenant_jit_provisioning": "NOT_ALLOWED",
        "claimed_email_domains": [],
        "first_party_connected_apps_allowed_type": "ALL_ALLOWED",
        "allowed_first_party_connected_apps": [],
        "third_party_connected_apps_allowed_type": "ALL_ALLOWED",
        "allowed_third_party_connected_apps": [],
        "custom_roles": [],
        "trusted_metadata": {},
        "created_at": "2025-01-01T00:00:00Z",
        "updated_at": "2025-01-01T00:00:00Z",
        "sso_default_connection_id": "",
    }))
    .expect("a JSON value can be written")
}
