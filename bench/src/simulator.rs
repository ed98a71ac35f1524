//! `ferry sim --fast` as a child process.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use ferry_sim::{Audit, Faults};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::http::request::Builder;

use crate::bare_client::http;
use crate::exports::SEED;
use crate::process::Mark;

/// A simulator that ends with its owner.
pub(crate) struct Simulator {
    child: Child,
    /// Kept open, or what it prints would end it.
    _standard_output: BufReader<ChildStdout>,
    pub(crate) base_url: String,
    pub(crate) project_id: String,
    pub(crate) secret: String,
}

impl Simulator {
    /// Starts one that knows so many sessions, on a free port of loopback.
    pub(crate) fn start(ferry: &Path, sessions: u64, faults: &Faults) -> Result<Self> {
        let mut child = Command::new(ferry)
            .args(["sim", "--fast", "--listen", "127.0.0.1:0", "--sessions"])
            .args([&sessions.to_string(), "--seed", &SEED.to_string()])
            .args(["--faults", &serde_json::to_string(faults)?])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} does not start", ferry.display()))?;
        let standard_output = child.stdout.take().context("standard output is piped")?;
        let mut standard_output = BufReader::new(standard_output);
        let mut said = |name: &str| -> Result<String> {
            let mut line = String::new();
            standard_output.read_line(&mut line)?;
            let value = line.strip_prefix(name);
            let value = value.with_context(|| format!("`ferry sim` printed no {name}"))?;
            Ok(value.trim().to_owned())
        };
        let (base_url, project_id) = (said("base_url")?, said("project_id")?);
        let secret = said("secret")?;
        Ok(Self {
            child,
            _standard_output: standard_output,
            base_url,
            project_id,
            secret,
        })
    }

    /// One of its own pages.
    pub(crate) async fn page(&self, path: &str) -> Result<Incoming> {
        self.ask(Request::get(self.url(path)), Bytes::new()).await
    }

    /// What it counted so far.
    pub(crate) async fn audit(&self) -> Result<Audit> {
        let page = self.page("/sim/audit").await?.collect().await?;
        Ok(serde_json::from_slice(&page.to_bytes())?)
    }

    /// Changes what goes wrong.
    pub(crate) async fn set_faults(&self, faults: &Faults) -> Result<()> {
        let faults = serde_json::to_vec(faults)?.into();
        let reply = self.ask(Request::put(self.url("/sim/faults")), faults);
        reply.await.map(drop)
    }

    async fn ask(&self, request: Builder, body: Bytes) -> Result<Incoming> {
        let reply = http().request(request.body(Full::new(body))?).await?;
        ensure!(
            reply.status().is_success(),
            "the simulator answered {}",
            reply.status()
        );
        Ok(reply.into_body())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    /// What it has used so far.
    pub(crate) fn mark(&self) -> Result<Mark> {
        Mark::now(self.child.id())
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // An error means that it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
