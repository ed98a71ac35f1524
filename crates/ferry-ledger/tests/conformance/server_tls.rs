//! A server that is reached by TLS: its certificate is checked.

use std::sync::Arc;

use ferry_ledger::{Ledger, LedgerError, PostgresSettings, PostgresUrl};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use url::Url;

use crate::backends::keys;
use crate::bench::source;
use crate::server::Server;

/// Self-signed, for 127.0.0.1 and localhost; shared with the tests of ferry-stytch.
const CERTIFICATE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../ferry-stytch/tests/fixtures/public-worthless-certificate.pem"
);
const KEY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../ferry-stytch/tests/fixtures/public-worthless-key.pem"
);

/// Speaks TLS to its clients as PostgreSQL does, and passes all on to the server. Where to reach it.
async fn tls_before(server: &Url) -> Url {
    let config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring knows them")
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_file(CERTIFICATE).expect("a certificate")],
                PrivateKeyDer::from_pem_file(KEY).expect("a key"),
            );
    let acceptor = TlsAcceptor::from(Arc::new(config.expect("they fit")));
    let listener = TcpListener::bind("0.0.0.0:0").await.expect("a port");
    let mut url = server.clone();
    url.set_port(Some(listener.local_addr().expect("bound").port()))
        .expect("a port");
    let host = server.host_str().expect("a host").to_owned();
    let address = (host, server.port().unwrap_or(5432));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass_on(client, acceptor.clone(), address.clone()));
        }
    });
    url
}

async fn pass_on(
    mut client: TcpStream,
    acceptor: TlsAcceptor,
    server: (String, u16),
) -> std::io::Result<()> {
    // Length 8, then the code that asks for TLS; `S` grants it.
    let mut request = [0; 8];
    client.read_exact(&mut request).await?;
    assert_eq!(request, [0, 0, 0, 8, 4, 210, 22, 47], "it asks for TLS");
    client.write_all(b"S").await?;
    let mut client = acceptor.accept(client).await?;
    let mut server = TcpStream::connect(server).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

fn settings(url: &Url, host: &str, parameters: &str) -> PostgresSettings {
    let mut url = url.clone();
    url.set_host(Some(host)).expect("a host");
    url.set_query(Some(parameters));
    PostgresSettings::new(PostgresUrl::parse(url.as_str()).expect("a URL"))
}

#[tokio::test]
async fn a_certificate_that_is_trusted_lets_in() -> Result<(), LedgerError> {
    let server = Server::fresh().await;
    let url = tls_before(&server.url()).await;
    let named = format!("sslmode=verify-full&sslrootcert={CERTIFICATE}");
    let mut given = settings(&url, "localhost", "sslmode=verify-full");
    given.ca_certificate = Some(std::fs::read(CERTIFICATE).expect("a certificate"));
    for settings in [settings(&url, "127.0.0.1", &named), given] {
        let ledger = Ledger::connect(settings, keys()).await?;
        ledger.begin_run(&source("spring")).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_refused_for_good() {
    let server = Server::fresh().await;
    let url = tls_before(&server.url()).await;
    let stranger = settings(&url, "127.0.0.1", "sslmode=verify-full");
    let named = format!("sslmode=verify-full&sslrootcert={CERTIFICATE}");
    let another_name = settings(&url, "127.0.0.2", &named);
    let without = PostgresSettings::new(
        PostgresUrl::parse(&format!("{}?sslmode=verify-full", server.url())).expect("a URL"),
    );
    for settings in [stranger, another_name, without] {
        let refused = Ledger::connect(settings, keys())
            .await
            .expect_err("not trusted");
        assert!(matches!(refused, LedgerError::Refused(_)), "{refused:?}");
        assert!(!refused.is_passing());
    }
}
