//! The one TLS stack: rustls with ring, roots from the operating system.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

use crate::ClientError;

/// The configuration is built here and handed to reqwest ready, so that no process-wide provider
/// has to be installed, and a simulator on plain http works on a machine without any root
/// certificate.
pub(crate) fn configuration(https: bool) -> Result<ClientConfig, ClientError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ClientError::Tls)?;
    let mut configuration = if https {
        builder
            .with_platform_verifier()
            .map_err(ClientError::Tls)?
            .with_no_client_auth()
    } else {
        builder
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth()
    };
    configuration.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(configuration)
}
