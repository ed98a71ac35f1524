//! Services in containers: every image and version is named here.

use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage};

use crate::TestbedError;

const RABBITMQ_IMAGE: &str = "rabbitmq";
const RABBITMQ_VERSION: &str = "4.1.4-alpine";
const AMQP_PORT: u16 = 5672;

/// A container with `RabbitMQ`, and its URL. It ends when it is dropped.
pub(crate) async fn rabbitmq() -> Result<(ContainerAsync<GenericImage>, String), TestbedError> {
    let image = GenericImage::new(RABBITMQ_IMAGE, RABBITMQ_VERSION)
        .with_exposed_port(AMQP_PORT.tcp())
        .with_wait_for(WaitFor::message_on_stdout("Server startup complete"));
    let container = image.start().await.map_err(told)?;
    let port = container
        .get_host_port_ipv4(AMQP_PORT)
        .await
        .map_err(told)?;
    Ok((container, format!("amqp://guest:guest@127.0.0.1:{port}")))
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
fn told(error: testcontainers::TestcontainersError) -> TestbedError {
    TestbedError::Container(error.to_string())
}
