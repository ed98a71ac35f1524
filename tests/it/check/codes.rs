//! Each code of the check that nothing else provokes.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ferry_ledger::{Clock, SystemClock};
use ferry_sim::{Faults, PersonChange, Population, RetryAfter};
use ferry_testbed::rabbitmq::PrivateBroker;
use lapin::ConnectionProperties;
use lapin::options::QueueDeleteOptions;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{PROVIDER, assert_found, check, codes, command, crossing};
use crate::support::{Crossing, Fleet, Outcome, SmallDisk};

#[test]
fn every_code_is_provoked_by_a_test() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
    let read = |path: &str| fs::read_to_string(format!("{folder}{path}")).unwrap();
    let tests = ["check.rs", "check/codes.rs", "check/fleet.rs"];
    let tests = tests.map(|file| read(&format!("tests/it/{file}"))).concat();
    let page = read("docs/check.md");
    let (_, table) = page.split_once("## Codes").unwrap();
    let codes = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let codes: Vec<_> = codes.filter_map(|line| line.split('`').next()).collect();
    assert!(codes.len() > 35, "{codes:?}");
    let unseen = codes
        .into_iter()
        .filter(|code| !tests.contains(&format!("\"{code}\"")));
    assert_eq!(unseen.collect::<Vec<_>>(), [""; 0]);
}

/// A token like this one, with other claims. Nobody checks its signature but who issued it.
fn with_claims(token: &str, change: impl FnOnce(&mut Value)) -> String {
    let parts: Vec<_> = token.split('.').collect();
    let claims = URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
    let mut claims: Value = serde_json::from_slice(&claims).unwrap();
    change(&mut claims);
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("{}.{claims}.{}", parts[0], parts[2])
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_cannot_be_carried_are_told_by_what_is_wrong_with_them() {
    let crossing = crossing(12, 340).await;
    let export = fs::read_to_string(crossing.export()).unwrap();
    let (header, rows) = export.split_once('\n').unwrap();
    let mut rows: Vec<String> = rows.lines().map(str::to_owned).collect();
    let retoken = |row: &str, token: &str| format!("{token},{}", row.split_once(',').unwrap().1);
    let token = |row: &str| row.split(',').next().unwrap().to_owned();
    let elsewhere = with_claims(&token(&rows[0]), |claims| {
        claims["aud"] = json!(["https://api.ferry.example"]);
    });
    rows[0] = retoken(&rows[0], &elsewhere);
    let nameless = with_claims(&token(&rows[1]), |claims| claims["scope"] = json!("openid"));
    rows[1] = retoken(&rows[1], &nameless);
    let header_of_token = URL_SAFE_NO_PAD.encode(r#"{"alg":"dir","enc":"A256GCM"}"#);
    rows[2] = retoken(&rows[2], &format!("{header_of_token}..bm9uY2U.dGV4dA.dGFn"));
    let over = with_claims(&token(&rows[3]), |claims| claims["exp"] = json!(1));
    // Both by the token and by the column.
    let columns: Vec<_> = header.split(',').collect();
    let ends = columns.iter().position(|name| *name == "token_expires_at");
    let mut cells: Vec<_> = rows[3].split(',').map(str::to_owned).collect();
    cells[0] = over;
    if let Some(ends) = ends {
        cells[ends] = "2001-01-01T00:00:00Z".to_owned();
    }
    rows[3] = cells.join(",");
    rows[4] = "ragged".to_owned();
    fs::write(
        crossing.export(),
        format!("{header}\n{}\n", rows.join("\n")),
    )
    .unwrap();
    let found = check(&crossing, &["sessions.csv", "--json", "--no-members"]).await;
    let expected = [
        "rows_rejected",
        "tokens_over",
        "wrong_audience",
        "missing_scope",
        "token_encrypted",
    ];
    assert_found(&found, 11, &expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stytch_that_answers_no_search_leaves_members_unknown() {
    let faults = Faults {
        search_per_minute: Some(0),
        retry_after: RetryAfter::Seconds(0),
        ..Faults::default()
    };
    let crossing = Crossing::new(Population::new(3, 341), faults).await;
    let found = check(&crossing, &["sessions.csv", "--json"]).await;
    assert_found(&found, 11, &["members_unknown"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_without_an_email_at_the_legacy_provider_are_told() {
    let crossing = crossing(4, 342).await;
    let subject = crossing.simulator.population().person(1).subject;
    let change = PersonChange {
        userinfo_email: Some(String::new()),
        ..PersonChange::default()
    };
    assert!(crossing.simulator.change_person(&subject, change));
    let asking = [
        "sessions.csv",
        "--no-members",
        "--json",
        "--ask-userinfo",
        "4",
    ];
    let mut asked = command(&crossing, &asking);
    asked.env("FERRY_LEGACY__ISSUER", crossing.simulator.issuer());
    let found = crossing.outcome(asked).await;
    assert_found(&found, 11, &["emails_missing"]);
}

/// Answers each request alike, with this project and this date, as long as the test lasts.
async fn project(id: String, date: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let body = json!({"status_code": 200, "request_id": "r", "project_id": id, "name": "Ours"});
    let body = body.to_string();
    let length = body.len();
    let reply = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ndate: {date}\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // A request of this test comes in one piece.
            let mut request = vec![0; 64 * 1024];
            if stream.read(&mut request).await.is_ok() {
                let _ = stream.write_all(reply.as_bytes()).await;
            }
        }
    });
    url
}

/// So many seconds from now, as HTTP writes dates.
fn http_date(seconds: i64) -> &'static str {
    let now = SystemClock::start().now().as_millis() + seconds * 1_000;
    let now = jiff::Timestamp::from_millisecond(now).unwrap();
    let date = jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&now)
        .unwrap();
    Box::leak(date.into_boxed_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_project_and_a_wrong_clock_are_told() {
    let crossing = crossing(1, 343).await;
    let ours = crossing.simulator.credentials().project_id.clone();
    let other = "project-test-00000000-0000-4000-8000-00000000beef".to_owned();
    for (id, seconds, code, exit) in [
        (other, 0, "project_differs", 10),
        (ours.clone(), 3_600, "clock_wrong", 10),
        (ours.clone(), -3_600, "clock_wrong", 10),
        (ours, 120, "clock_skewed", 11),
    ] {
        let mut looking = command(&crossing, &["--json"]);
        let url = project(id, http_date(seconds)).await;
        looking.env("FERRY_STYTCH__BASE_URL", url);
        assert_found(&crossing.outcome(looking).await, exit, &[code]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_ledger_is_told_and_left_as_it_is() {
    let crossing = crossing(3, 344).await;
    crossing
        .outcome(crossing.run_command())
        .await
        .assert_says(0, &[]);
    let file = crossing.data().join("ledger.sqlite");
    let mut tables = SqliteConnectOptions::new()
        .filename(file)
        .connect()
        .await
        .unwrap();
    let older = "DELETE FROM _sqlx_migrations
                 WHERE version = (SELECT MAX(version) FROM _sqlx_migrations)";
    sqlx::query(older).execute(&mut tables).await.unwrap();
    let versions = "SELECT COUNT(*) FROM _sqlx_migrations";
    let before: i64 = sqlx::query_scalar(versions)
        .fetch_one(&mut tables)
        .await
        .unwrap();
    let found = crossing.outcome(command(&crossing, &["--json"])).await;
    assert_found(&found, 11, &["ledger_older"]);
    let after: i64 = sqlx::query_scalar(versions)
        .fetch_one(&mut tables)
        .await
        .unwrap();
    assert_eq!(after, before, "nothing was migrated");
    tables.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_low_or_full_is_told() {
    const MB: usize = 1_000_000;
    let crossing = crossing(3, 345).await;
    for (room, code, exit) in [(300 * MB, "disk_low", 11), (60 * MB, "disk_full", 10)] {
        let folder = crossing.folder.path().join(code);
        fs::create_dir(&folder).unwrap();
        let disk = SmallDisk::mount_of(&folder, room).await;
        let disk =
            disk.expect("this test mounts a tmpfs: run it as root, or allow user namespaces");
        let looking = command(&crossing, &["--json", "--data", code]);
        let found = crossing.outcome(disk.command(&looking)).await;
        assert_found(&found, exit, &[code]);
    }
}

async fn of_fleet(fleet: &Fleet, settings: &[(&str, &str)]) -> Outcome {
    let mut command = fleet.command(&["check", "--json"]);
    command
        .env(PROVIDER.0, PROVIDER.1)
        .envs(settings.iter().copied());
    Outcome::of(command).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_takes_no_writes_or_few_connections_is_told() {
    let fleet = Fleet::new(Population::new(3, 346), Faults::default()).await;
    let mut tables = fleet.tables().await;
    let most: String = sqlx::query_scalar("SHOW max_connections")
        .fetch_one(&mut tables)
        .await
        .unwrap();
    // As many as leave too few for a process that wants 64: other tests may hold some, too.
    let mut held = Vec::new();
    for _ in 0..most.parse::<usize>().unwrap().saturating_sub(80) {
        match sqlx::PgConnection::connect(&fleet.ledger_url).await {
            Ok(connection) => held.push(connection),
            Err(_) => break,
        }
    }
    let found = loop {
        let found = of_fleet(&fleet, &[("FERRY_LEDGER__CONNECTIONS", "64")]).await;
        let codes = codes(&found);
        if codes != [""; 0] {
            break found;
        }
        held.push(
            sqlx::PgConnection::connect(&fleet.ledger_url)
                .await
                .unwrap(),
        );
    };
    assert_found(&found, 11, &["ledger_connections"]);
    for connection in held {
        connection.close().await.unwrap();
    }

    let name: String = sqlx::query_scalar("SELECT current_database()")
        .fetch_one(&mut tables)
        .await
        .unwrap();
    let reading = format!("ALTER DATABASE \"{name}\" SET default_transaction_read_only = on");
    sqlx::query(sqlx::AssertSqlSafe(reading))
        .execute(&mut tables)
        .await
        .unwrap();
    let found = of_fleet(&fleet, &[]).await;
    assert_found(&found, 10, &["ledger_read_only"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_without_one_of_our_queues_or_with_an_alarm_is_told() {
    let broker = PrivateBroker::start("", "").unwrap_or_else(|error| panic!("{error}"));
    let mut fleet = Fleet::new(Population::new(3, 347), Faults::default()).await;
    fleet.queue_url = broker.url();
    fleet.enqueue().await;
    let watermark = |value: &str| {
        let set = ["set_vm_memory_high_watermark", "absolute", value];
        broker.control(&set).expect("a watermark");
    };
    watermark("1");
    let found = loop {
        // The alarm takes a moment.
        let found = of_fleet(&fleet, &[]).await;
        if codes(&found) != [""; 0] {
            break found;
        }
    };
    assert_found(&found, 10, &["queue_blocked"]);
    watermark("4GB");
    while !codes(&of_fleet(&fleet, &[]).await).is_empty() {}

    let connecting = lapin::Connection::connect(&fleet.queue_url, ConnectionProperties::default());
    let connection = connecting.await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let dead = format!("{}.v1.dead", fleet.prefix());
    channel
        .queue_delete(dead.into(), QueueDeleteOptions::default())
        .await
        .unwrap();
    let found = of_fleet(&fleet, &[]).await;
    assert_found(&found, 11, &["queue_incomplete"]);
    assert!(
        found.standard_output.contains("missing: dead-letter queue"),
        "{}",
        found.standard_output
    );
    connection.close(200, "".into()).await.unwrap();
}
