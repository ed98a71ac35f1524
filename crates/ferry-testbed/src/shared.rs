//! The services that tests share.

use testcontainers::{ContainerAsync, GenericImage};

use crate::{AMQP_URL, POSTGRES_URL, TestbedError, container, docker_answers};

/// A broker that other tests use, too. Hold it as long as the test lasts.
#[derive(Debug)]
pub struct SharedBroker {
    /// Where it is.
    pub url: String,
    _container: Option<ContainerAsync<GenericImage>>,
}

/// A PostgreSQL that other tests use, too. Hold it as long as the test lasts.
pub struct SharedPostgres {
    /// Where it is: a user who may make databases. The password is in it.
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
    container_answers("RabbitMQ", AMQP_URL)?;
    let (container, url) = container::rabbitmq().await?;
    Ok(SharedBroker {
        url,
        _container: Some(container),
    })
}

/// The PostgreSQL named in the environment, or one in a container. Each test takes a database of
/// its own in it ([`fresh_database`](crate::fresh_database)).
pub async fn shared_postgres() -> Result<SharedPostgres, TestbedError> {
    if let Ok(url) = std::env::var(POSTGRES_URL) {
        return Ok(SharedPostgres {
            url,
            _container: None,
        });
    }
    container_answers("PostgreSQL", POSTGRES_URL)?;
    let (container, url) = container::postgres().await?;
    Ok(SharedPostgres {
        url,
        _container: Some(container),
    })
}

fn container_answers(service: &'static str, variable: &'static str) -> Result<(), TestbedError> {
    if docker_answers() {
        return Ok(());
    }
    Err(TestbedError::None { service, variable })
}
