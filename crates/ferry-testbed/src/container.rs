//! Services in containers: every image and version is named here.

use testcontainers::core::{ContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt};

use crate::TestbedError;
use crate::postgres::SHARED_SETTINGS;
use crate::random::random_name;

const RABBITMQ_IMAGE: &str = "rabbitmq";
const RABBITMQ_VERSION: &str = "4.1.4-alpine";
const AMQP_PORT: ContainerPort = ContainerPort::Tcp(5672);

const POSTGRES_IMAGE: &str = "postgres";
const POSTGRES_VERSION: &str = "17.6-alpine";
const POSTGRES_PORT: ContainerPort = ContainerPort::Tcp(5432);

/// A service's container, and its URL. It ends when it is dropped.
pub(crate) type Contained = (ContainerAsync<GenericImage>, String);

/// `RabbitMQ`.
pub(crate) async fn rabbitmq() -> Result<Contained, TestbedError> {
    let image = GenericImage::new(RABBITMQ_IMAGE, RABBITMQ_VERSION)
        .with_exposed_port(AMQP_PORT)
        .with_wait_for(WaitFor::message_on_stdout("Server startup complete"));
    let (container, address) = start(image.into(), AMQP_PORT).await?;
    Ok((container, format!("amqp://guest:guest@{address}")))
}

/// `PostgreSQL`.
pub(crate) async fn postgres() -> Result<Contained, TestbedError> {
    let password = random_name()?;
    // It starts twice: first to make its data, then for us. The second time it writes to stderr.
    let up = "database system is ready to accept connections";
    let image = GenericImage::new(POSTGRES_IMAGE, POSTGRES_VERSION)
        .with_exposed_port(POSTGRES_PORT)
        .with_wait_for(WaitFor::message_on_stdout(up))
        .with_wait_for(WaitFor::message_on_stderr(up))
        .with_env_var("POSTGRES_PASSWORD", &password)
        .with_cmd(SHARED_SETTINGS.iter().flat_map(|setting| ["-c", setting]));
    let (container, address) = start(image, POSTGRES_PORT).await?;
    let url = format!("postgres://postgres:{password}@{address}/postgres");
    Ok((container, url))
}

async fn start(
    image: ContainerRequest<GenericImage>,
    port: ContainerPort,
) -> Result<Contained, TestbedError> {
    let container = image.start().await.map_err(told)?;
    let port = container.get_host_port_ipv4(port).await.map_err(told)?;
    Ok((container, format!("127.0.0.1:{port}")))
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
fn told(error: testcontainers::TestcontainersError) -> TestbedError {
    TestbedError::Container(error.to_string())
}
