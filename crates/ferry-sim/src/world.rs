//! Everything that the simulator knows.

use std::sync::{Arc, PoisonError, RwLock};

use crate::audit::Calls;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::draw::mix;
use crate::faults::Faults;
use crate::key::Key;
use crate::oidc::Provider;
use crate::options::Options;
use crate::population::Population;
use crate::population::code::{Kind, number_of_uuid, numbers_of_opaque, opaque, uuid};
use crate::sessions::{Api, Sessions};
use crate::stytch::{Access, Limits, Organizations};

pub(crate) struct World {
    pub(crate) issuer: String,
    pub(crate) population: Population,
    pub(crate) organizations: Organizations,
    pub(crate) directory: Directory,
    pub(crate) sessions: Sessions,
    pub(crate) provider: Provider,
    pub(crate) access: Access,
    pub(crate) limits: Limits,
    pub(crate) calls: Arc<Calls>,
    pub(crate) clock: Clock,
    pub(crate) key: Key,
    pub(crate) fast: bool,
    pub(crate) session_cap_minutes: u32,
    faults: RwLock<Arc<Faults>>,
    /// Sessions and tokens of one start of the simulator are not those of the next.
    seed: u64,
}

impl World {
    pub(crate) fn new(base_url: &str, options: Options) -> Self {
        let clock = Clock::start(options.now, options.time_scale);
        let seed = mix(options.population.seed ^ mix(clock.wall().unsigned_abs()));
        let issuer = format!("{base_url}/oidc");
        Self {
            organizations: Organizations::new(&options.population),
            directory: Directory::new(options.population.clone()),
            provider: Provider::new(
                options
                    .userinfo_url
                    .unwrap_or_else(|| format!("{issuer}/userinfo")),
                options.refresh,
            ),
            issuer,
            population: options.population,
            sessions: Sessions::new(),
            access: Access::new(options.credentials),
            limits: Limits::default(),
            calls: Arc::new(Calls::new()),
            clock,
            key: Key::new(),
            fast: options.fast,
            session_cap_minutes: options.session_cap_minutes,
            faults: RwLock::new(Arc::new(options.faults)),
            seed,
        }
    }

    pub(crate) fn faults(&self) -> Arc<Faults> {
        Arc::clone(&self.faults.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        *self.faults.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(faults);
    }

    /// The id of a session. Stytch's own samples show both forms; a client must take either.
    pub(crate) fn session_id(&self, api: Api, number: u64) -> String {
        match api {
            Api::B2b => {
                format!(
                    "member-session-test-{}",
                    uuid(self.seed, Kind::MemberSession, number)
                )
            }
            Api::Consumer => format!("session-test-{}", uuid(self.seed, Kind::Session, number)),
        }
    }

    /// The number of the session with this id.
    pub(crate) fn session_number(&self, api: Api, id: &str) -> Option<u64> {
        match api {
            Api::B2b => {
                let id = id.strip_prefix("member-session-test-")?;
                number_of_uuid(self.seed, Kind::MemberSession, id)
            }
            Api::Consumer => {
                number_of_uuid(self.seed, Kind::Session, id.strip_prefix("session-test-")?)
            }
        }
    }

    /// The token of a session: 44 URL-safe characters, as in Stytch's sample.
    pub(crate) fn session_token(&self, api: Api, number: u64) -> String {
        let sealed = opaque(self.seed, Kind::SessionToken, [number, api as u64]);
        format!("{sealed}=")
    }

    /// The number of the session with this token.
    pub(crate) fn session_number_of_token(&self, api: Api, token: &str) -> Option<u64> {
        let sealed = token.strip_suffix('=')?;
        let [number, of] = numbers_of_opaque(self.seed, Kind::SessionToken, sealed)?;
        (of == api as u64).then_some(number)
    }
}
