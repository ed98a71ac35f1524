//! A database for one test.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use url::Url;

use crate::TestbedError;
use crate::random::random_name;

/// A server that the test has killed or frozen does not hold up the test's end for longer.
const LONGEST_DROP: Duration = Duration::from_secs(10);

/// An empty database that nobody else uses. It is dropped, with all who are connected, when this
/// is dropped.
pub struct FreshDatabase {
    /// Where it is.
    pub url: String,
    name: String,
    server: String,
}

/// Makes a database `ferry_…` on the server of this URL, whose user may do so.
pub async fn fresh_database(url: &str) -> Result<FreshDatabase, TestbedError> {
    let mut database = Url::parse(url).map_err(|_| TestbedError::Url("not to be read"))?;
    let name = format!("ferry_{}", random_name()?);
    database.set_path(&name);
    execute(url, format!("CREATE DATABASE {name}")).await?;
    Ok(FreshDatabase {
        url: database.into(),
        name,
        server: url.to_owned(),
    })
}

impl Drop for FreshDatabase {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // The test's own runtime may be one that cannot wait in here. What is left of a server
        // that does not answer is nobody's loss.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .ok()?;
            let dropped = execute(&server, format!("DROP DATABASE {name} WITH (FORCE)"));
            runtime
                .block_on(async { tokio::time::timeout(LONGEST_DROP, dropped).await })
                .ok()
        });
        let _ = dropping.join();
    }
}

async fn execute(url: &str, statement: String) -> Result<(), TestbedError> {
    let refused = |error: sqlx::Error| TestbedError::Database(error.to_string());
    let mut connection = PgConnection::connect(url).await.map_err(refused)?;
    // The name in it is our own.
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .map_err(refused)?;
    connection.close().await.map_err(refused)
}
