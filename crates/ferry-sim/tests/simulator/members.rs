//! Members: created, found, searched.

use ferry_sim::Population;
use serde_json::{Value, json};

use crate::client::{Sim, start};
use crate::schema::{B2B, check};

async fn create(sim: &Sim, body: Value) -> crate::client::Reply {
    sim.post(
        &format!("/v1/b2b/organizations/{}/members", sim.organization_id(0)),
        body,
    )
    .await
}

#[tokio::test]
async fn a_created_member_can_be_found_by_every_name() {
    let sim = start(|_| {}).await;
    let body = json!({
        "email_address": "alice@example.com", "name": "Alice", "external_id": "auth0|alice",
        "trusted_metadata": { "plan": "gold" }, "untrusted_metadata": null, "is_breakglass": null,
    });
    let created = create(&sim, body).await.json();
    check(
        B2B,
        "api_organization_v1_organizations_members_CreateResponse",
        &created,
    );
    assert_eq!(created["member"]["status"], "active");
    assert_eq!(
        created["member"]["trusted_metadata"],
        json!({ "plan": "gold" })
    );
    let id = created["member_id"].as_str().expect("an id");
    for query in [
        format!("member_id={id}"),
        "member_id=auth0%7Calice".to_owned(),
        "email_address=ALICE@example.com".to_owned(),
    ] {
        let organization = sim.organization_id(0);
        let found = sim
            .get(&format!(
                "/v1/b2b/organizations/{organization}/member?{query}"
            ))
            .await
            .json();
        check(
            B2B,
            "api_organization_v1_organizations_members_GetResponse",
            &found,
        );
        assert_eq!(found["member_id"], id, "{query}");
    }
}

#[tokio::test]
async fn a_member_is_refused_with_the_reason() {
    let sim = start(|_| {}).await;
    let person = sim.person(0);
    for (body, error_type) in [
        (
            json!({ "email_address": person.email }),
            "duplicate_member_email",
        ),
        (
            json!({ "email_address": "new@example.com", "external_id": person.subject }),
            "duplicate_member_external_id",
        ),
        (json!({ "email_address": "no address" }), "invalid_email"),
        (json!({ "email_address": null }), "invalid_email"),
    ] {
        let reply = create(&sim, body).await;
        assert_eq!(
            (reply.status, reply.error_type().as_str()),
            (400, error_type)
        );
    }
    let body = json!({ "email_address": "new@example.com" });
    let nowhere = sim.post("/v1/b2b/organizations/nobody/members", body).await;
    assert_eq!(
        (nowhere.status, nowhere.error_type().as_str()),
        (404, "organization_not_found")
    );
}

#[tokio::test]
async fn a_member_needs_exactly_one_name() {
    let sim = start(|_| {}).await;
    let path = format!("/v1/b2b/organizations/{}/member", sim.organization_id(0));
    assert_eq!(
        sim.get(&path).await.error_type(),
        "invalid_member_get_fields"
    );
    assert_eq!(
        sim.get(&format!("{path}?member_id=x")).await.error_type(),
        "member_not_found"
    );
}

#[tokio::test]
async fn a_missing_member_is_migrated_once_created() {
    let missing = |options: &mut ferry_sim::Options| options.population.member_missing = 1.0;
    let sim = start(missing).await;
    let refused = sim.migrate(0).await;
    assert_eq!(
        refused.error_type(),
        "migrate_from_external_email_does_not_exist"
    );
    create(&sim, json!({ "email_address": sim.person(0).email })).await;
    assert_eq!(sim.migrate(0).await.status, 200);
}

#[tokio::test]
async fn a_search_gives_pages_that_together_hold_everybody_once() {
    let sim = start(|options| options.population = Population::new(25, 4)).await;
    let organization = sim.organization_id(0);
    let mut found = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let body = json!({ "organization_ids": [organization], "limit": 10, "cursor": cursor, "query": null });
        let page = sim
            .post("/v1/b2b/organizations/members/search", body)
            .await
            .json();
        check(
            B2B,
            "api_organization_v1_organizations_members_SearchResponse",
            &page,
        );
        assert_eq!(page["results_metadata"]["total"], 25);
        let members = page["members"].as_array().expect("a list");
        found.extend(members.iter().map(|member| member["member_id"].to_string()));
        cursor = page["results_metadata"]["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 25);
}

#[tokio::test]
async fn a_search_takes_only_those_who_meet_all_conditions() {
    let sim = start(|options| options.population = Population::new(25, 4)).await;
    let (ada, ben) = (sim.person(3), sim.person(4));
    let operands = json!([
        { "filter_name": "member_emails", "filter_value": [ada.email.to_uppercase(), ben.email] },
        { "filter_name": "member_ids", "filter_value": [ada.subject] },
        { "filter_name": "statuses", "filter_value": ["active"] },
    ]);
    let search = |operator: &str, operands: &Value| {
        json!({
            "organization_ids": [sim.organization_id(0)],
            "query": { "operator": operator, "operands": operands },
        })
    };
    let path = "/v1/b2b/organizations/members/search";
    let page = sim.post(path, search("AND", &operands)).await.json();
    assert_eq!(page["results_metadata"]["total"], 1);
    assert_eq!(page["members"][0]["email_address"], ada.email);
    assert_eq!(
        sim.post(path, search("OR", &operands)).await.error_type(),
        "user_search_invalid_operator"
    );
    let unknown = json!([{ "filter_name": "shoe_size", "filter_value": ["44"] }]);
    let reply = sim.post(path, search("AND", &unknown)).await;
    assert_eq!(
        reply.error_type(),
        "member_search_filter_name_not_recognized"
    );
}

#[tokio::test]
async fn a_search_has_a_limit_a_minute() {
    let sim = start(|options| options.faults.search_per_minute = Some(2)).await;
    let body = || json!({ "organization_ids": [sim.organization_id(0)] });
    let path = "/v1/b2b/organizations/members/search";
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(sim.post(path, body()).await.status);
    }
    // A minute may end in between, once.
    assert!(
        statuses.iter().filter(|status| **status == 200).count() <= 4,
        "{statuses:?}"
    );
    assert!(statuses.contains(&429));
}
