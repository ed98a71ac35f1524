//! `[rates]`: what is refused, what is in force, and who expires before their turn at that rate.

use std::fmt::Write;
use std::fs;
use std::time::Duration;

use ferry_ledger::{Clock, SystemClock};
use ferry_sim::{Faults, Population};

use crate::support::Crossing;

/// Stands for whatever secret was written into the wrong place.
const CANARY: &str = "secret-test-canary-0123456789abcdef";

async fn crossing(seed: u64) -> Crossing {
    Crossing::new(Population::new(5, seed), Faults::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_refused_with_what_is_wanted_and_not_shown() {
    let crossing = crossing(220).await;
    for (setting, sayings) in [
        (
            "stytch = 0".into(),
            [
                "rates.stytch",
                "0.00028 (one in an hour) to 10000, or unlimited",
            ],
        ),
        (
            "stytch = nan".into(),
            [
                "rates.stytch",
                "0.00028 (one in an hour) to 10000, or unlimited",
            ],
        ),
        (
            format!("stytch = {CANARY:?}"),
            [
                "rates.stytch",
                "0.00028 (one in an hour) to 10000, or unlimited",
            ],
        ),
        (
            "userinfo = 10001".into(),
            ["rates.userinfo", "0.00028 (one in an hour) to 10000"],
        ),
        (
            format!("userinfo = {CANARY:?}"),
            ["rates.userinfo", "want a number"],
        ),
        (
            "headroom = 101".into(),
            ["rates.headroom", "percent, 0 to 95"],
        ),
        (
            "headroom = 96".into(),
            ["rates.headroom", "percent, 0 to 95"],
        ),
        (
            "headroom = -5".into(),
            ["rates.headroom", "percent, 0 to 95"],
        ),
        (
            format!("headroom = {CANARY:?}"),
            ["rates.headroom", "percent, 0 to 95"],
        ),
        (
            "provider = \"auth0-profesional\"".into(),
            ["rates.provider", "did you mean auth0-professional?"],
        ),
        (
            format!("provider = {CANARY:?}"),
            [
                "rates.provider",
                "give one of auth0-free, auth0-professional, auth0-enterprise, custom",
            ],
        ),
        (
            "provider = 5".into(),
            ["rates.provider", "give one of auth0-free"],
        ),
        (
            format!("subject_per_minute = {CANARY:?}"),
            ["rates.subject_per_minute", "want a number"],
        ),
    ] {
        let refused = crossing.configured(&format!("[rates]\n{setting}\n")).await;
        refused.assert_says(2, &sayings);
        refused.assert_says(2, &["(from ferry.toml)"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_out_of_range_or_half_given_is_refused_with_what_to_give() {
    let crossing = crossing(221).await;
    for (settings, saying) in [
        (
            "subject_burst = 0\nsubject_per_minute = 1",
            "rates.subject_burst is 0: give 1 to 1000",
        ),
        (
            "subject_burst = 1\nsubject_per_minute = 0.001",
            "rates.subject_per_minute is 0.001: give 0.017 (one in an hour) to 1000",
        ),
        (
            "subject_burst = 8",
            "rates.subject_burst is set and rates.subject_per_minute is not: give both, or neither",
        ),
        (
            "provider = \"custom\"\nuserinfo = 5\nsubject_per_minute = 3",
            "rates.subject_per_minute is set and rates.subject_burst is not: give both, or neither",
        ),
        (
            "provider = \"custom\"",
            "rates.provider is custom, and no rate is set: give rates.userinfo, or",
        ),
    ] {
        let refused = crossing.configured(&format!("[rates]\n{settings}\n")).await;
        refused.assert_says(2, &[saying]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn config_show_ends_with_the_rates_in_force_and_why() {
    let crossing = crossing(191).await;
    let show = async |settings: &str| {
        fs::write(
            crossing.folder.path().join("ferry.toml"),
            format!("[rates]\n{settings}\n"),
        )
        .unwrap();
        let shown = crossing.ferry(&["config", "show"]).await;
        shown.assert_says(0, &[]);
        let (_, rates) = shown
            .standard_output
            .split_once("# The rates in force:\n")
            .unwrap();
        let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        rates.lines().map(line).collect::<Vec<_>>()
    };
    assert_eq!(
        show("").await,
        [
            "# stytch 65/s rates.stytch, at the most",
            "# userinfo unlimited rates.provider is unset",
            "# one person unlimited rates.provider is unset",
        ]
    );
    assert_eq!(
        show("stytch = 0.5\nprovider = \"auth0-professional\"\nheadroom = 20").await,
        [
            "# stytch 30/min rates.stytch, at the most",
            "# userinfo 20/s 80 % of 25/s (auth0-professional); rates.headroom leaves 20 % for live logins",
            "# one person 8 at once, then 4.5/min auth0-professional",
        ]
    );
    assert_eq!(
        show("provider = \"auth0-free\"\nuserinfo = 7.5\nsubject_burst = 5").await,
        [
            "# stytch 65/s rates.stytch, at the most",
            "# userinfo 7.5/s rates.userinfo",
            "# one person 5 at once, then 4.5/min rates.subject_burst, auth0-free",
        ]
    );
    assert_eq!(
        show("provider = \"custom\"\nsubject_burst = 5\nsubject_per_minute = 2").await,
        [
            "# stytch 65/s rates.stytch, at the most",
            "# userinfo unlimited rates.userinfo is unset",
            "# one person 5 at once, then 2/min rates.subject_burst, rates.subject_per_minute",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_nobody_are_told_once_while_a_limit_per_person_is_in_force() {
    let crossing = crossing(192).await;
    let export = "access_token,organization,session_id,session_expires_at,subject\n\
        opaque-1,acme,s1,2099-01-01T00:00:00Z,alice\n\
        opaque-2,acme,s2,2099-01-01T00:00:00Z,\n\
        opaque-3,acme,s3,2099-01-01T00:00:00Z,\n";
    fs::write(crossing.export(), export).unwrap();
    let enqueue = async |run: &str, provider: &str| {
        let mut command = crossing.command(&["enqueue", "sessions.csv", "--run", run]);
        command
            .args(["--data", run])
            .env("FERRY_RATES__PROVIDER", provider)
            .env("FERRY_RATES__USERINFO", "5");
        let outcome = crossing.outcome(command).await;
        outcome.assert_says(0, &[]);
        outcome.standard_error
    };
    let log = enqueue("limited", "auth0-free").await;
    let warning = "the subject of these sessions is unknown";
    assert_eq!(log.matches(warning).count(), 1, "{log}");
    assert!(log.contains("sessions=2"), "{log}");
    let again = enqueue("limited", "auth0-free").await;
    assert!(!again.contains(warning), "{again}");
    let log = enqueue("unlimited", "custom").await;
    assert!(!log.contains(warning), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_not_final_tells_who_expires_before_their_turn() {
    let crossing = Crossing::new(Population::new(1, 202), Faults::default()).await;
    let mut export =
        "access_token,organization,session_id,token_expires_at,session_expires_at\n".to_owned();
    let now = SystemClock::start().now();
    let hours = |hours| now.plus(Duration::from_hours(hours)).to_string();
    let (soon, later) = (hours(1), hours(1000));
    for row in 0..400 {
        let end = if row < 300 { &soon } else { &later };
        let _ = writeln!(export, "opaque-{row},acme,s{row},{end},{later}");
    }
    fs::write(crossing.export(), export).unwrap();
    // In an hour, 180 calls; with what Auth0 allows at the most, all.
    let enqueue = ["enqueue", "sessions.csv", "--run", "test", "--json"];
    let mut command = crossing.command(&enqueue);
    command
        .env("FERRY_RATES__PROVIDER", "auth0-free")
        .env("FERRY_RATES__USERINFO", "0.05");
    let enqueued = crossing.outcome(command).await;
    enqueued.assert_says(0, &[]);
    let forecast = &enqueued.report()["forecast"];
    let figure = |name: &str| forecast[name].as_u64().unwrap();
    assert_eq!(forecast["rate_per_second"], 0.05);
    assert_eq!(forecast["limited_by"], "userinfo");
    assert!((270..=280).contains(&figure("carried")), "{forecast}");
    assert_eq!(figure("carried") + figure("expire"), 400);
    assert_eq!(figure("over"), 0);
    assert!(
        (5380..=5600).contains(&figure("seconds_left")),
        "{forecast}"
    );
    assert_eq!(forecast["faster"]["saved"], forecast["expire"]);
    let faster = forecast["faster"]["rate_per_second"].as_f64().unwrap();
    assert!((0.083..=0.1).contains(&faster), "{forecast}");

    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/report.md");
    let page = fs::read_to_string(page).unwrap();
    for (name, value) in forecast.as_object().unwrap() {
        let names = match value.as_object() {
            Some(inner) => inner
                .keys()
                .map(|inner| format!("{name}.{inner}"))
                .collect(),
            None => vec![name.clone()],
        };
        for name in names {
            assert!(page.contains(&format!("`forecast.{name}`")), "{name}");
        }
    }

    let status = crossing.ferry(&["status"]).await.standard_output;
    assert!(
        status.contains("forecast: at 65/s, no session expires before its turn\n"),
        "{status}"
    );
    assert!(
        status.contains("left, limited by rates.stytch\n"),
        "{status}"
    );
}
