//! TLS, as `Client::new` sets it up.

use std::process::Command;
use std::sync::Arc;

use ferry_core::outcome::CallOutcome;
use ferry_stytch::{Api, Client, Failure};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::secrets::{assert_nothing_leaked, capture};
use crate::server::{client_at, migrate, minted_reply, read_request};

/// Self-signed for 127.0.0.1 and localhost, until 2126; made with
/// `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes`.
const CERTIFICATE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/public-worthless-certificate.pem"
);
const KEY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/public-worthless-key.pem"
);

fn acceptor() -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificate = CertificateDer::from_pem_file(CERTIFICATE).unwrap();
    let key = PrivateKeyDer::from_pem_file(KEY).unwrap();
    let mut configuration = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    configuration.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(configuration))
}

/// Mints a session at every request.
async fn client_of_tls_server() -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = acceptor();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                while read_request(&mut stream).await.is_some() {
                    stream.write_all(&minted_reply()).await.unwrap();
                }
            });
        }
    });
    client_at(&format!("https://{address}"), Api::B2b)
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_sent() {
    let client = client_of_tls_server().await;
    let outcome = migrate(&client).await;
    assert!(matches!(outcome, CallOutcome::NotSent(_)), "{outcome:?}");
    let failure = client.whoami().await.unwrap_err();
    let Failure::NotSent { cause } = &failure else {
        panic!("{failure:?}");
    };
    assert!(cause.contains("invalid peer certificate"), "{cause}");
}

/// Tells the test that it runs with [`CERTIFICATE`] as the machine's root.
const UNDER_OUR_OWN_ROOT: &str = "UNDER_OUR_OWN_ROOT";

/// The roots are those of the machine, so the test runs itself once more under other ones.
#[tokio::test]
async fn a_root_that_the_machine_trusts_is_trusted() {
    if std::env::var_os(UNDER_OUR_OWN_ROOT).is_some() {
        return under_our_own_root().await;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tls::a_root_that_the_machine_trusts_is_trusted"])
        .env(UNDER_OUR_OWN_ROOT, "1")
        .env("SSL_CERT_FILE", CERTIFICATE)
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("1 passed"), "{stdout}");
}

async fn under_our_own_root() {
    let logs = capture();
    let client = client_of_tls_server().await;
    for _ in 0..2 {
        let outcome = migrate(&client).await;
        assert!(matches!(outcome, CallOutcome::Minted(_)), "{outcome:?}");
    }
    let logs = logs.text();
    assert!(logs.contains("Sending ClientHello"), "rustls was heard");
    assert_nothing_leaked(&logs);
}
