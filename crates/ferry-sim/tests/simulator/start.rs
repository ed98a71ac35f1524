//! Starting and stopping.

use std::net::SocketAddr;

use ferry_sim::{Error, Options, Simulator, run};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::client::start;

#[tokio::test]
async fn an_address_that_is_reachable_from_outside_is_refused() {
    let address = SocketAddr::from(([0, 0, 0, 0], 0));
    let refused = Simulator::start(Options {
        address,
        ..Options::default()
    })
    .await;
    assert!(matches!(refused, Err(Error::NotLoopback(_))));
}

#[tokio::test]
async fn a_listener_that_is_reachable_from_outside_is_refused() {
    let listener = TcpListener::bind("0.0.0.0:0").await.expect("a free port");
    assert!(matches!(
        Simulator::on(listener, Options::default()),
        Err(Error::NotLoopback(_))
    ));
}

#[tokio::test]
async fn a_userinfo_url_elsewhere_is_refused() {
    let userinfo_url = Some("https://example.com/userinfo".to_owned());
    let refused = Simulator::start(Options {
        userinfo_url,
        ..Options::default()
    })
    .await;
    assert!(matches!(refused, Err(Error::UserinfoNotLoopback(_))));
}

#[tokio::test]
async fn a_taken_port_says_so() {
    let first = start(|_| {}).await;
    let address = first.simulator.address();
    let refused = Simulator::start(Options {
        address,
        ..Options::default()
    })
    .await;
    assert!(matches!(refused, Err(Error::Bind { .. })));
}

#[tokio::test]
async fn it_runs_until_it_is_told_to_stop() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(run(listener, Options::default(), async {
        let _ = stopped.await;
    }));
    assert!(tokio::net::TcpStream::connect(address).await.is_ok());
    stop.send(()).expect("it runs");
    running.await.expect("it ends").expect("without an error");
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn what_was_minted_stays_in_the_audit_after_the_stop() {
    let mut sim = start(|_| {}).await;
    assert_eq!(sim.migrate(0).await.status, 200);
    sim.simulator.stop().await;
    assert_eq!(sim.simulator.audit().sessions.minted, 1);
}
