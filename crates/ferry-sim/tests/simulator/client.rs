//! A client, and the people that the tests are about.

use std::time::Duration;

use ferry_sim::{Options, Person, Population, Simulator};
use reqwest::Method;
use serde_json::{Value, json};

/// A simulator and a client of it.
pub(crate) struct Sim {
    pub(crate) simulator: Simulator,
    pub(crate) http: reqwest::Client,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(crate) fn error_type(&self) -> String {
        self.json()["error_type"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    pub(crate) fn text_of(&self, field: &str) -> String {
        self.json()[field]
            .as_str()
            .unwrap_or_else(|| panic!("no {field}: {}", self.text))
            .to_owned()
    }
}

/// Twenty people in two organizations, and whatever else the test wants.
pub(crate) async fn start(set: impl FnOnce(&mut Options)) -> Sim {
    let mut options = Options {
        population: Population {
            organizations: 2,
            ..Population::new(20, 11)
        },
        ..Options::default()
    };
    set(&mut options);
    let simulator = Simulator::start(options)
        .await
        .expect("a free port on loopback");
    Sim {
        simulator,
        http: http(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a client for loopback, with the settings set here"
)]
fn http() -> reqwest::Client {
    // Whoever comes second finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(20))
        .build()
        .expect("a client without certificates")
}

impl Sim {
    pub(crate) async fn try_call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Reply, reqwest::Error> {
        let credentials = self.simulator.credentials();
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.simulator.base_url()))
            .basic_auth(&credentials.project_id, Some(&credentials.secret));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Reply {
            status,
            headers,
            text: response.text().await?,
        })
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.try_call(Method::POST, path, Some(&body))
            .await
            .expect("a reply")
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        self.try_call(Method::PUT, path, Some(&body))
            .await
            .expect("a reply")
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.try_call(Method::GET, path, None)
            .await
            .expect("a reply")
    }

    /// The body of a migrate call for a session of the population, for an hour.
    pub(crate) fn migration(&self, session: u64) -> Value {
        let population = self.simulator.population();
        let person = self.person(session);
        json!({
            "session_token": self.simulator.access_token(session, 3600),
            "organization_id": population.organization(person.organization).organization_id,
            "session_duration_minutes": 60,
        })
    }

    pub(crate) async fn migrate(&self, session: u64) -> Reply {
        self.post("/v1/b2b/sessions/migrate", self.migration(session))
            .await
    }

    /// The owner of a session.
    pub(crate) fn person(&self, session: u64) -> Person {
        let population = self.simulator.population();
        population.person(population.session(session).person)
    }

    pub(crate) fn organization_id(&self, session: u64) -> String {
        let organization = self.person(session).organization;
        self.simulator
            .population()
            .organization(organization)
            .organization_id
    }

    /// The ids of the sessions that are listed for the owner of a session.
    pub(crate) async fn listed(&self, session: u64) -> Vec<String> {
        let organization = self.organization_id(session);
        let subject = self.person(session).subject.replace('|', "%7C");
        let path = format!("/v1/b2b/sessions?organization_id={organization}&member_id={subject}");
        let reply = self.get(&path).await.json();
        let sessions = reply["member_sessions"].as_array().expect("a list").clone();
        let id = |session: &Value| {
            session["member_session_id"]
                .as_str()
                .expect("an id")
                .to_owned()
        };
        sessions.iter().map(id).collect()
    }
}
