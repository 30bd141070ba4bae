"""The one store: a noun a module, all over one database."""

from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from models.ports import Clock
from models.store.agents import Agents
from models.store.blobs import Blobs, FileBlobs, TableBlobs
from models.store.bundles import Bundles
from models.store.calls import Calls
from models.store.conversations import Conversations
from models.store.cursors import Cursors
from models.store.database import Database
from models.store.envelopes import Envelopes
from models.store.events import Events
from models.store.files import Files
from models.store.leases import Leases
from models.store.outbound import Outbound
from models.store.people import People
from models.store.queue import Queue
from models.store.rules import RuleVersions
from models.store.sealing import Vault
from models.store.threads import Threads
from models.store.tickets import Tickets
from models.store.uploads import Uploads
from models.store.webhooks import Webhooks

__all__ = ["Store", "open_store"]


@dataclass(frozen=True, slots=True)
class Store:
    """Everything durable, by what it is about."""

    db: Database
    vault: Vault
    blobs: Blobs
    envelopes: Envelopes
    people: People
    threads: Threads
    conversations: Conversations
    queue: Queue
    tickets: Tickets
    outbound: Outbound
    agents: Agents
    events: Events
    leases: Leases
    cursors: Cursors
    uploads: Uploads
    bundles: Bundles
    calls: Calls
    files: Files
        webhooks=Webhooks(db, vault),
