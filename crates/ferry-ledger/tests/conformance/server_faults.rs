//! What only a server can get wrong, and how it is told.

use std::net::TcpListener;
use std::time::Duration;

use ferry_core::session::ExportRow;
use ferry_ledger::{Ledger, LedgerError, PostgresSettings, PostgresUrl};
use rand::SeedableRng;
use rand::rngs::StdRng;
use secrecy::ExposeSecret;
use sqlx::{AssertSqlSafe, Executor};

use crate::backends::{keys, postgres};
use crate::bench::source;
use crate::ends::{migrated, minted_token};
use crate::people::{alice_active, carol_active};
use crate::server::Server;
use crate::sqlite_file::disguises;

fn settings(url: &url::Url) -> PostgresSettings {
    PostgresSettings::new(PostgresUrl::parse(url.as_str()).expect("a URL"))
}

async fn refused(settings: PostgresSettings) -> LedgerError {
    let refused = Ledger::connect(settings, keys()).await;
    refused.expect_err("it cannot be let in")
}

#[tokio::test]
async fn who_is_not_let_in_is_told_without_the_password() {
    let server = Server::fresh().await;
    let mut nowhere = server.url();
    nowhere.set_path("no_such_database");
    let mut nobody = server.url();
    nobody.set_username("nobody_of_this_name").expect("a user");
    for mut url in [nowhere, nobody] {
        url.set_password(Some("hunter2")).expect("a password");
        let refused = refused(settings(&url)).await;
        assert!(matches!(refused, LedgerError::Refused(_)), "{refused:?}");
        assert!(!refused.is_passing());
        let told = format!("{refused} {refused:?}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_away() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("bound").port();
    drop(free);
    let url = format!("postgres://mallory:hunter2@127.0.0.1:{port}/ferry");
    let mut settings = PostgresSettings::new(PostgresUrl::parse(&url).expect("a URL"));
    settings.acquire_timeout = Duration::from_millis(200);
    let away = refused(settings).await;
    assert!(matches!(away, LedgerError::Away(_)), "{away:?}");
    assert!(away.is_passing());
    assert!(!format!("{away} {away:?}").contains("hunter2"));
}

#[tokio::test]
async fn each_failure_is_told_by_its_meaning() {
    type Meaning = fn(&LedgerError) -> bool;
    let busy: Meaning = |error| matches!(error, LedgerError::Busy);
    let away: Meaning = |error| matches!(error, LedgerError::Away(_));
    let refused: Meaning = |error| matches!(error, LedgerError::Refused(_));
    let meanings: [(&str, Meaning); 14] = [
        ("53100", |error| matches!(error, LedgerError::DiskFull)),
        ("25006", |error| matches!(error, LedgerError::ReadOnly)),
        ("23505", |error| matches!(error, LedgerError::Driver(_))),
        ("40P01", busy),
        ("40001", busy),
        ("55P03", busy),
        ("57014", busy),
        ("57P01", away),
        ("57P03", away),
        ("53300", away),
        ("08006", away),
        ("28P01", refused),
        ("28000", refused),
        ("42501", refused),
    ];
    let server = Server::fresh().await;
    let mut connection = server.connect().await;
    for (code, means) in meanings {
        let raise =
            format!("DO $$ BEGIN RAISE EXCEPTION 'a test' USING ERRCODE = '{code}'; END $$");
        let raised = connection.execute(AssertSqlSafe(raise)).await;
        let told = LedgerError::from(raised.expect_err("raised"));
        assert!(means(&told), "{code}: {told:?}");
        assert_eq!(told.is_passing(), !refused(&told), "{code}");
    }
}

#[tokio::test]
async fn a_database_that_may_only_be_read_is_told() -> Result<(), LedgerError> {
    let bench = postgres().await;
    let server = bench.database.server();
    let name = server.url().path().trim_start_matches('/').to_owned();
    let forbid = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    server
        .connect()
        .await
        .execute(AssertSqlSafe(forbid))
        .await?;
    let told = refused(server.settings()).await;
    assert!(matches!(told, LedgerError::ReadOnly), "{told:?}");
    Ok(())
}

#[tokio::test]
async fn a_lock_that_stays_is_told_as_passing() -> Result<(), LedgerError> {
    let mut bench = postgres().await;
    bench.active_run("spring", [alice_active()]).await?;
    let mut settings = bench.database.server().settings();
    settings.lock_timeout = Duration::from_millis(50);
    bench.ledger = Ledger::connect(settings, keys()).await?;
    let lease = bench.lease(&alice_active()).await?;
    let mut other = bench.database.server().connect().await;
    other
        .execute("BEGIN; SELECT FROM sessions FOR UPDATE")
        .await?;
    let busy = bench.record(migrated(&lease)).await.expect_err("locked");
    assert!(
        matches!(busy, LedgerError::Busy) && busy.is_passing(),
        "{busy:?}"
    );
    other.execute("COMMIT").await?;
    assert!(bench.record(migrated(&lease)).await?);
    Ok(())
}

/// As after a restart of the server: what was under way is gone, what follows goes on.
#[tokio::test]
async fn after_all_connections_were_cut_the_next_call_is_served() -> Result<(), LedgerError> {
    let mut bench = postgres().await;
    let run = bench.begin("spring").await?.id;
    let mut rng = StdRng::seed_from_u64(1);
    let mut registration = bench.ledger.begin_registration(run, 0).await?;
    let alice = vec![ExportRow::from(alice_active())];
    registration.add(alice, &mut rng).await?;
    let cut = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert!(bench.tables.number(cut).await > 0);
    let carol = vec![ExportRow::from(carol_active())];
    let away = registration.add(carol, &mut rng).await.expect_err("cut");
    assert!(away.is_passing(), "{away:?}");
    drop(registration);
    bench.active_run("spring", [alice_active()]).await?;
    assert_eq!(bench.ledger.books(run).await?.queued, 1);
    bench.assert_books_balance().await
}

#[tokio::test]
async fn a_registrar_that_stands_still_gives_way() -> Result<(), LedgerError> {
    let mut bench = postgres().await;
    let run = bench.begin("spring").await?.id;
    let mut settings = bench.database.server().settings();
    settings.idle_in_transaction_timeout = Duration::from_millis(50);
    let still = Ledger::connect(settings, keys()).await?;
    let registration = still.begin_registration(run, 0).await?;
    bench.register(run, [alice_active()]).await?;
    let gone = registration.commit().await.expect_err("it stood still");
    assert!(gone.is_passing(), "{gone:?}");
    assert_eq!(still.begin_run(&source("spring")).await?.rows_read, 1);
    Ok(())
}

#[tokio::test]
async fn no_secret_is_found_in_a_dump() -> Result<(), LedgerError> {
    let mut bench = postgres().await;
    let (alice, carol) = (alice_active(), carol_active());
    let rows = [alice.clone(), carol.clone()];
    bench.active_run("spring", rows).await?;
    let lease = bench.lease(&alice).await?;
    bench.record(migrated(&lease)).await?;
    let mut secrets = disguises(alice.token());
    secrets.extend(disguises(carol.token()));
    secrets.extend(disguises(alice.session.stable_id.expose_secret()));
    secrets.extend(disguises(&minted_token(&lease)));
    let mut connection = bench.database.server().connect().await;
    for form in ["base64", "hex"] {
        let set = format!("SET xmlbinary = {form}");
        connection.execute(AssertSqlSafe(set)).await?;
        let dump: String = sqlx::query_scalar("SELECT database_to_xml(false, false, '')::text")
            .fetch_one(&mut connection)
            .await?;
        assert!(dump.contains("alice@example.com"), "it can find");
        for secret in &secrets {
            let secret = std::str::from_utf8(secret).expect("a text");
            assert!(!dump.contains(secret), "{secret}");
        }
    }
    Ok(())
}
