"""Publishes a message for each row of the export, so many unconfirmed at a time."""

import asyncio
import csv
import json
import os
from itertools import islice

import aio_pika

WINDOW = 512


def message(row):
    """One session."""
    work = {
        "session": row["session_id"],
        "token": row["access_token"],
        "organization": row["organization"],
    }
    return aio_pika.Message(
        json.dumps(work).encode(), delivery_mode=aio_pika.DeliveryMode.PERSISTENT
    )


async def main():
    """Returns when the broker has confirmed all."""
    connection = await aio_pika.connect_robust(os.environ["PEER_AMQP_URL"])
    async with connection:
        channel = await connection.channel(publisher_confirms=True)
        name = os.environ["PEER_QUEUE"]
        await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})
        with open(os.environ["PEER_EXPORT"], newline="", encoding="utf-8") as export:
            rows = csv.DictReader(export)
            while window := list(islice(rows, WINDOW)):
                publishing = (
                    channel.default_exchange.publish(message(row), routing_key=name)
                    for row in window
                )
                await asyncio.gather(*publishing)


asyncio.run(main())
