//! PostgreSQL for tests: one of our own, and a database in the one that is shared.

use std::path::Path;
use std::time::Duration;

use ferry_testbed::postgres::PrivatePostgres;
use ferry_testbed::{fresh_database, shared_postgres};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

fn private() -> PrivatePostgres {
    PrivatePostgres::start("max_connections = 17").unwrap_or_else(|none| panic!("{none}"))
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("it answers")
}

async fn scalar(connection: &mut PgConnection, query: &str) -> String {
    sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
        .fetch_one(connection)
        .await
        .expect("the query")
}

#[tokio::test]
async fn a_private_one_has_the_given_settings_and_is_durable() {
    let postgres = private();
    let mut connection = connect(&postgres.url()).await;
    assert_eq!(scalar(&mut connection, "SHOW max_connections").await, "17");
    assert_eq!(scalar(&mut connection, "SHOW fsync").await, "on");
    assert_eq!(
        scalar(&mut connection, "SHOW synchronous_commit").await,
        "on"
    );
}

#[tokio::test]
async fn a_wrong_password_does_not_get_in() {
    let postgres = private();
    let wrong = format!(
        "postgres://postgres:wrong@127.0.0.1:{}/postgres",
        postgres.port()
    );
    PgConnection::connect(&wrong)
        .await
        .expect_err("a password is asked for");
    assert!(!format!("{postgres:?}").contains("postgres://"));
}

#[tokio::test]
async fn a_killed_one_starts_again_with_what_was_committed() {
    let mut postgres = private();
    let mut connection = connect(&postgres.url()).await;
    sqlx::raw_sql("CREATE TABLE kept (name text); INSERT INTO kept VALUES ('alice')")
        .execute(&mut connection)
        .await
        .expect("a table");
    let before = postgres.id();

    postgres.kill().expect("it is killed");
    sqlx::query("SELECT 1")
        .execute(&mut connection)
        .await
        .expect_err("its process is gone");
    PgConnection::connect(&postgres.url())
        .await
        .expect_err("nobody is there");

    postgres.start_again().expect("it starts again");
    assert_ne!(postgres.id(), before);
    let mut connection = connect(&postgres.url()).await;
    assert_eq!(
        scalar(&mut connection, "SELECT name FROM kept").await,
        "alice"
    );
}

#[tokio::test]
async fn a_frozen_one_answers_nobody_until_it_is_thawed() {
    let postgres = private();
    let mut connection = connect(&postgres.url()).await;
    postgres.freeze().expect("it is frozen");
    let mut answer = Box::pin(scalar(&mut connection, "SELECT 'alice'"));
    // An answer would take a hundredth.
    tokio::time::timeout(Duration::from_millis(300), &mut answer)
        .await
        .expect_err("its connections are frozen, too");
    postgres.thaw().expect("it is thawed");
    assert_eq!(answer.await, "alice");
}

#[test]
fn nothing_is_left_of_one_that_is_dropped() {
    for frozen in [false, true] {
        let postgres = private();
        let process = format!("/proc/{}", postgres.id());
        let folder = postgres.folder().to_owned();
        assert!(Path::new(&process).exists());
        assert!(folder.join("data/PG_VERSION").exists());
        if frozen {
            postgres.freeze().expect("it is frozen");
        }
        drop(postgres);
        assert!(!Path::new(&process).exists());
        assert!(!folder.exists());
    }
}

#[tokio::test]
async fn a_test_has_a_database_of_its_own_that_ends_with_it() {
    let postgres = shared_postgres()
        .await
        .unwrap_or_else(|none| panic!("{none}"));
    let alices = fresh_database(&postgres.url).await.expect("a database");
    let bobs = fresh_database(&postgres.url).await.expect("a database");
    let mut alice = connect(&alices.url).await;
    let mut bob = connect(&bobs.url).await;
    let name = scalar(&mut alice, "SELECT current_database()::text").await;
    assert_ne!(
        name,
        scalar(&mut bob, "SELECT current_database()::text").await
    );

    // With somebody connected to it.
    drop(alices);
    let left = format!("SELECT count(*)::text FROM pg_database WHERE datname = '{name}'");
    assert_eq!(scalar(&mut bob, &left).await, "0");
}
