//! Where ledger and queue are: on this machine, or on servers that a fleet shares.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use ferry_ledger::seal::KeyRing;
use ferry_ledger::{Ledger, PostgresSettings, PostgresUrl};
use ferry_queue::AmqpUrl;
use rand::SeedableRng;
use rand::rngs::StdRng;
use secrecy::ExposeSecret;

use crate::config::{Config, ServiceUrl};
use crate::data_folder::DataFolder;
use crate::exit::{Coded, Exit};
use crate::key_ring;

/// Where ledger and queue are.
#[derive(Debug)]
pub(crate) enum Place {
    /// The ledger in a data folder, the queue in this process.
    Embedded {
        /// The data folder.
        folder: PathBuf,
        /// The ring that the settings give; else the folder's own.
        keys: Option<KeyRing>,
    },
    /// Both on servers.
    Fleet(Box<Fleet>),
}

/// The servers of a fleet.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) ledger: PostgresSettings,
    pub(crate) queue: ferry_queue::Settings,
    pub(crate) keys: KeyRing,
    /// For rejects files.
    pub(crate) folder: PathBuf,
}

/// The place that the settings name. Reads the files that they name.
pub(crate) fn place(config: &Config) -> Result<Place> {
    resolve(config).context(Coded(Exit::Usage))
}

fn resolve(config: &Config) -> Result<Place> {
    let keys = key_ring::given(&config.data)?;
    match (config.ledger.url.is_unset(), config.queue.url.is_unset()) {
        (true, true) => Ok(Place::Embedded {
            folder: config.data.folder.clone(),
            keys,
        }),
        (false, false) => Ok(Place::Fleet(Box::new(Fleet {
            ledger: ledger_settings(&config.ledger)?,
            queue: queue_settings(&config.queue)?,
            keys: keys.ok_or_else(|| anyhow!(NO_KEYS))?,
            folder: config.data.folder.clone(),
        }))),
        (true, false) => bail!(
            "queue.url is set and ledger.url is not: workers elsewhere would be told of sessions in a ledger on this machine's disk, and see nothing. Set FERRY_LEDGER__URL too, or unset FERRY_QUEUE__URL to do all on this machine"
        ),
        (false, true) => bail!(
            "ledger.url is set and queue.url is not: a shared ledger has no way to wake the workers. Set FERRY_QUEUE__URL too, or unset FERRY_LEDGER__URL to do all on this machine"
        ),
    }
}

const NO_KEYS: &str = "a fleet has no key ring: all its processes need the same one, so none is made here. Make one by `ferry keys generate`, and give it to each of them in FERRY_DATA__KEYS, or in a file that data.keys_file names";

fn ledger_settings(settings: &crate::config::Ledger) -> Result<PostgresSettings> {
    let ca_certificates = pem("ledger.ca_certificate", settings.ca_certificate.as_deref())?;
    let url = settings.url.secret().expose_secret();
    // Any other mode takes whatever certificate the server shows.
    if ca_certificates.is_some() && !url.contains("sslmode=verify-") {
        bail!(
            "ledger.ca_certificate is set, and ledger.url does not ask for it: end it with ?sslmode=verify-full"
        );
    }
    Ok(PostgresSettings {
        connections: settings.connections,
        ca_certificate: ca_certificates.map(String::into_bytes),
        ..PostgresSettings::new(PostgresUrl::parse(url).context("ledger.url")?)
    })
}

fn queue_settings(settings: &crate::config::Queue) -> Result<ferry_queue::Settings> {
    let ca_certificates = pem("queue.ca_certificate", settings.ca_certificate.as_deref())?;
    if ca_certificates.is_some() && settings.url.scheme() == "amqp" {
        bail!("queue.ca_certificate is set, and queue.url is without TLS: write amqps://");
    }
    Ok(ferry_queue::Settings {
        prefix: settings.prefix.clone(),
        ca_certificates,
        ..ferry_queue::Settings::new(amqp_url(&settings.url)?)
    })
}

fn amqp_url(url: &ServiceUrl) -> Result<AmqpUrl> {
    AmqpUrl::parse(url.secret().expose_secret()).context("queue.url")
}

/// The certificates in a file.
fn pem(setting: &str, path: Option<&Path>) -> Result<Option<String>> {
    let Some(path) = path else {
        return Ok(None);
    };
    let text = fs::read_to_string(path)
        .with_context(|| format!("{setting} {} cannot be read", path.display()))?;
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        bail!(
            "{setting} {} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)",
            path.display()
        );
    }
    Ok(Some(text))
}

impl Place {
    /// Opens the ledger for commands that look or control: beside whoever works on it.
    pub(crate) async fn look(self) -> Result<Ledger> {
        match self {
            Self::Embedded { folder, keys } => {
                let mut rng = StdRng::try_from_rng(&mut rand::rngs::SysRng)?;
                DataFolder::look(&folder)?.open(keys, &mut rng).await
            }
            Self::Fleet(fleet) => Ok(Ledger::connect(fleet.ledger, fleet.keys).await?),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::Secret;
    use crate::exit::shown;

    const LEDGER: &str = "postgres://ferry:hunter2@db.example/crossing";
    const QUEUE: &str = "amqp://ferry:hunter2@rabbit.example";

    fn config(ledger: &str, queue: &str) -> Config {
        let mut config = Config::default();
        config.ledger.url = ServiceUrl::from(ledger.to_owned());
        config.queue.url = ServiceUrl::from(queue.to_owned());
        config.data.keys = Secret::from(ring());
        config
    }

    fn ring() -> String {
        let keys = KeyRing::generate("k1", &mut StdRng::seed_from_u64(1));
        keys.to_text().to_string()
    }

    fn refused(config: &Config) -> String {
        let error = place(config).expect_err("refused");
        assert_eq!(Exit::of(&error), Exit::Usage);
        let text = shown(&error);
        assert!(!format!("{text} {error:?}").contains("hunter2"), "{text}");
        text
    }

    #[test]
    fn without_urls_all_is_on_this_machine() {
        let place = place(&Config::default()).expect("a place");
        let Place::Embedded { folder, keys } = place else {
            panic!("{place:?}");
        };
        assert_eq!(folder, Path::new("ferry-data"));
        assert!(keys.is_none());
    }

    #[test]
    fn with_both_urls_it_is_a_fleet_and_no_secret_is_shown() {
        let mut config = config(LEDGER, QUEUE);
        config.queue.prefix = "wave".to_owned();
        let place = place(&config).expect("a place");
        assert!(!format!("{place:?}").contains("hunter2"), "{place:?}");
        let Place::Fleet(fleet) = place else {
            panic!("{place:?}");
        };
        assert_eq!(fleet.queue.prefix, "wave");
        assert_eq!(fleet.ledger.connections, 4);
    }

    #[test]
    fn one_url_without_the_other_is_refused_with_the_reason() {
        let text = refused(&config("", QUEUE));
        assert!(
            text.contains("see nothing") && text.contains("FERRY_LEDGER__URL"),
            "{text}"
        );
        let text = refused(&config(LEDGER, ""));
        assert!(
            text.contains("wake") && text.contains("FERRY_QUEUE__URL"),
            "{text}"
        );
    }

    #[test]
    fn a_url_of_something_else_is_refused_without_showing_it() {
        let text = refused(&config(QUEUE, QUEUE));
        assert!(text.contains("ledger.url"), "{text}");
        let text = refused(&config(LEDGER, LEDGER));
        assert!(text.contains("queue.url"), "{text}");
    }

    #[test]
    fn a_fleet_without_a_key_ring_is_told_how_to_make_one() {
        let mut config = config(LEDGER, QUEUE);
        config.data.keys = Secret::default();
        assert!(refused(&config).contains("ferry keys generate"));
    }

    #[test]
    fn a_file_gives_the_ring_unless_the_environment_does_too() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), ring()).expect("written");
        let mut config = config(LEDGER, QUEUE);
        config.data.keys_file = Some(file.path().to_owned());
        assert!(refused(&config).contains("keep one of them"));
        config.data.keys = Secret::default();
        place(&config).expect("a place");
        fs::set_permissions(file.path(), PermissionsExt::from_mode(0o640)).expect("changed");
        assert!(refused(&config).contains("others may read it"));
    }

    #[test]
    fn a_certificate_is_read_where_it_counts_only() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mut config = config(LEDGER, "amqps://ferry:hunter2@rabbit.example");
        config.queue.ca_certificate = Some(file.path().to_owned());
        assert!(refused(&config).contains("no certificate in PEM form"));
        fs::write(file.path(), "-----BEGIN CERTIFICATE-----\n").expect("written");
        place(&config).expect("a place");
        config.queue.url = ServiceUrl::from(QUEUE.to_owned());
        assert!(refused(&config).contains("write amqps://"));
        config.queue.ca_certificate = None;
        config.ledger.ca_certificate = Some(file.path().to_owned());
        assert!(refused(&config).contains("?sslmode=verify-full"));
        config.ledger.url = ServiceUrl::from(format!("{LEDGER}?sslmode=verify-full"));
        place(&config).expect("a place");
        config.ledger.ca_certificate = Some(PathBuf::from("nowhere.pem"));
        assert!(refused(&config).contains("ledger.ca_certificate nowhere.pem"));
    }
}
