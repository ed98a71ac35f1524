"""The job with aio-pika, aiohttp and asyncpg: a coroutine for each message, retried with backoff."""

import asyncio
import json
import os
import random
import signal
from datetime import datetime

import aio_pika
import aiohttp
import asyncpg

URL = os.environ["PEER_URL"]
CALLS = int(os.environ["PEER_CALLS"])
ATTEMPTS = 8
INSERT = "INSERT INTO mappings VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"


class Worker:
    """Carries one session after the other, many at once."""

    def __init__(self, http, rows):
        self.http = http
        self.rows = rows

    async def on_message(self, message):
        """Acknowledged after the insert; after an exception it is a dead letter."""
        async with message.process():
            work = json.loads(message.body)
            body = await self.call_until_answered(work)
            minted = body["member_session"]
            await self.rows.execute(
                INSERT,
                work["session"],
                body["member_id"],
                minted["member_session_id"],
                body["session_token"],
                datetime.fromisoformat(minted["expires_at"]),
            )

    async def call_until_answered(self, work):
        """The reply; waits longer after each failure that may pass."""
        for attempt in range(ATTEMPTS):
            try:
                return await self.call(work)
            except (aiohttp.ClientConnectionError, TimeoutError):
                await asyncio.sleep(random.uniform(0, min(300, 2**attempt)))
            except aiohttp.ClientResponseError as error:
                if error.status != 429 and error.status < 500:
                    raise
                await asyncio.sleep(random.uniform(0, min(300, 2**attempt)))
        return await self.call(work)

    async def call(self, work):
        """One call."""
        call = {
            "session_token": work["token"],
            "organization_id": work["organization"],
            "session_duration_minutes": 1440,
        }
        async with self.http.post(URL, json=call) as reply:
            reply.raise_for_status()
            return await reply.json()


async def main():
    """Works until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    credentials = aiohttp.BasicAuth(os.environ["PEER_PROJECT_ID"], os.environ["PEER_SECRET"])
    connection = await aio_pika.connect_robust(os.environ["PEER_AMQP_URL"])
    async with (
        connection,
        asyncpg.create_pool(os.environ["PEER_DATABASE_URL"], min_size=1, max_size=16) as rows,
        aiohttp.ClientSession(
            auth=credentials,
            connector=aiohttp.TCPConnector(limit=CALLS),
            timeout=aiohttp.ClientTimeout(total=10),
        ) as http,
    ):
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=CALLS)
        queue = await channel.get_queue(os.environ["PEER_QUEUE"])
        await queue.consume(Worker(http, rows).on_message)
        await stop.wait()


asyncio.run(main())
