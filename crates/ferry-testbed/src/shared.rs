//! The broker that tests share.

use testcontainers::{ContainerAsync, GenericImage};

use crate::{AMQP_URL, TestbedError, container, docker_answers};

/// A broker that other tests use, too. Hold it as long as the test lasts.
#[derive(Debug)]
pub struct SharedBroker {
    /// Where it is.
    pub url: String,
    _container: Option<ContainerAsync<GenericImage>>,
}

/// The broker named in the environment, or one in a container.
pub async fn shared_broker() -> Result<SharedBroker, TestbedError> {
    if let Ok(url) = std::env::var(AMQP_URL) {
        return Ok(SharedBroker {
            url,
            _container: None,
        });
    }
    if !docker_answers() {
        return Err(TestbedError::NoBroker);
    }
    let (container, url) = container::rabbitmq().await?;
    Ok(SharedBroker {
        url,
        _container: Some(container),
    })
}
