"""The job as a Celery application: a task for each session, retried with backoff."""

import os

import psycopg
import requests
from celery import Celery
from psycopg_pool import ConnectionPool

URL = os.environ["PEER_URL"]
CREDENTIALS = (os.environ["PEER_PROJECT_ID"], os.environ["PEER_SECRET"])

app = Celery("peer", broker=os.environ["PEER_AMQP_URL"])
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_transport_options={"confirm_publish": True},
    task_acks_late=True,
    task_default_queue=os.environ["PEER_QUEUE"],
    task_default_queue_type="quorum",
    # Retries wait in the broker, which a direct exchange cannot do with a quorum queue.
    task_default_exchange_type="topic",
    task_ignore_result=True,
    task_reject_on_worker_lost=True,
)

http = requests.Session()
# Opened by each child of the worker for itself, which carries one session at a time.
rows = ConnectionPool(os.environ["PEER_DATABASE_URL"], min_size=1, max_size=1, open=False)


@app.task(
    autoretry_for=(requests.RequestException, psycopg.OperationalError),
    retry_backoff=True,
    retry_backoff_max=300,
    max_retries=8,
)
def migrate(session, token, organization):
    """Carries one session."""
    rows.open()
    call = {
        "session_token": token,
        "organization_id": organization,
        "session_duration_minutes": 1440,
    }
    reply = http.post(URL, json=call, auth=CREDENTIALS, timeout=10)
    if reply.status_code == 429 or reply.status_code >= 500:
        reply.raise_for_status()
    if not reply.ok:
        raise ValueError(f"refused with {reply.status_code}")
    body = reply.json()
    minted = body["member_session"]
    with rows.connection() as connection:
        connection.execute(
            "INSERT INTO mappings VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (
                session,
                body["member_id"],
                minted["member_session_id"],
                body["session_token"],
                minted["expires_at"],
            ),
        )
