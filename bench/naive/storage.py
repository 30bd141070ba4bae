"""Two tables in SQLite, each change a durable transaction."""

import os
import sqlite3
import threading

_SCHEMA = """
CREATE TABLE IF NOT EXISTS mail (
    id INTEGER PRIMARY KEY,
    mail_from TEXT NOT NULL,
    content BLOB NOT NULL,
    received_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS ticket (
    id INTEGER PRIMARY KEY,
    mail_id INTEGER NOT NULL UNIQUE REFERENCES mail (id),
    message_id TEXT NOT NULL,
    sender TEXT NOT NULL,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    type TEXT NOT NULL,
    domain TEXT NOT NULL,
    urgency TEXT NOT NULL,
    queue TEXT NOT NULL,
    created_at REAL NOT NULL
);
"""


_local = threading.local()


def connection() -> sqlite3.Connection:
    """This thread's connection to the database of NAIVE_DB, durable at every commit."""
    if not hasattr(_local, "connection"):
        opened = sqlite3.connect(os.environ["NAIVE_DB"], timeout=60)
        opened.execute("PRAGMA journal_mode=WAL")
        opened.execute("PRAGMA synchronous=FULL")
        opened.execute("PRAGMA foreign_keys=ON")
        opened.executescript(_SCHEMA)
        _local.connection = opened
    found: sqlite3.Connection = _local.connection
    return found
