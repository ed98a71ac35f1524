"""Sends a task for each row of the export."""

import csv
import os

from celery_app import migrate

with open(os.environ["PEER_EXPORT"], newline="", encoding="utf-8") as export:
    for row in csv.DictReader(export):
        migrate.delay(row["session_id"], row["access_token"], row["organization"])
