//! tmp
use ferry_sim::*;
#[tokio::main]
async fn main() {
    let s = Simulator::start(Options { population: Population { organizations: 2, ..Population::new(20, 11) }, ..Options::default() }).await.unwrap();
    let p = s.population();
    let person = p.person(0);
    println!("{}", serde_json::json!({"base": s.base_url(), "project_id": s.credentials().project_id, "secret": s.credentials().secret, "token": s.access_token(0, 3600), "organization_id": p.organization(person.organization).organization_id, "email": person.email, "subject": person.subject}));
    tokio::time::sleep(std::time::Duration::from_secs(75)).await;
}
