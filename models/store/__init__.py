"""The one store: a noun a module, all over one database.

``docs/architecture.md`` has them by what they are about.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from models.ports import Clock
from models.store.complaints.calling_back import CallBacks
from models.store.complaints.follow_ups import FollowUps
from models.store.complaints.handling import Complaints
from models.store.complaints.improvements import Improvements
from models.store.complaints.incidents import Incidents
from models.store.complaints.ledger import Ledger
from models.store.dialogue.canned import Canned
from models.store.dialogue.conversations import Conversations
from models.store.dialogue.customer_links import CustomerLinks
from models.store.dialogue.outbound import Outbound
from models.store.dialogue.people import People
from models.store.dialogue.surveys import Surveys
from models.store.dialogue.transcripts import Transcripts
from models.store.dialogue.uploads import Uploads
from models.store.dialogue.ways_back import WaysBack
from models.store.dialogue.wordings import Wordings
from models.store.effects.events import Events
from models.store.effects.followers import Followers
from models.store.effects.timers import Timers
from models.store.effects.webhooks import Webhooks
from models.store.figures.audits import Audits
from models.store.figures.invariants import Invariants
from models.store.figures.kpi import Kpi
from models.store.figures.measures import Measures
from models.store.figures.overdue import OverdueWork
from models.store.figures.records import Records
from models.store.ground.blobs import Blobs, FileBlobs, TableBlobs
from models.store.ground.cursors import Cursors
from models.store.ground.database import Database
from models.store.ground.idempotency import Requests
from models.store.ground.leases import Leases
from models.store.ground.processes import Processes
from models.store.ground.sealing import Vault
from models.store.intake.calls import Calls
from models.store.intake.envelopes import Envelopes
from models.store.intake.files import Files
from models.store.intake.threads import Threads
from models.store.learning.bundles import Bundles
from models.store.learning.corrections import Corrections
from models.store.learning.dictionary import Dictionary
from models.store.learning.examples import Examples
from models.store.learning.retrainings import Retrainings
from models.store.learning.shadows import Shadows
from models.store.learning.watching import Watching
from models.store.privacy.copies import Copies
from models.store.privacy.erasure import Erasure
from models.store.privacy.orphaned_blobs import OrphanedBlobs
from models.store.privacy.rekeying import Rekeying
from models.store.routing.agents import Agents
from models.store.routing.attempts import Attempts
from models.store.routing.boards import Boards
from models.store.routing.maintenance import Maintenance
from models.store.routing.offboarding import Offboarding
from models.store.routing.queue import Queue
from models.store.routing.rules import RuleVersions
from models.store.routing.second_factors import SecondFactors
from models.store.routing.staffing import Staffing
from models.store.routing.tokens import ApiTokens
from models.store.tickets.clocks import Clocks
from models.store.tickets.ending import Ending
from models.store.tickets.handling import Tickets
from models.store.tickets.helping import Helping
from models.store.tickets.merging import Merging
from models.store.tickets.notes import Notes
from models.store.tickets.search import Search
from models.store.tickets.search_index import SearchIndex
from models.store.tickets.transfers import Transfers

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
    ways_back: WaysBack
    queue: Queue
    boards: Boards
    maintenance: Maintenance
    measures: Measures
    invariants: Invariants
    tickets: Tickets
    transfers: Transfers
    merging: Merging
    ending: Ending
    offboarding: Offboarding
    timers: Timers
    clocks: Clocks
    kpi: Kpi
    followers: Followers
    outbound: Outbound
    agents: Agents
    tokens: ApiTokens
    attempts: Attempts
    second_factors: SecondFactors
    staffing: Staffing
    events: Events
    leases: Leases
    processes: Processes
    overdue: OverdueWork
    cursors: Cursors
    uploads: Uploads
    transcripts: Transcripts
    customer_links: CustomerLinks
    copies: Copies
    erasure: Erasure
    orphaned_blobs: OrphanedBlobs
    rekeying: Rekeying
    bundles: Bundles
    calls: Calls
    files: Files
    incidents: Incidents
    follow_ups: FollowUps
    call_backs: CallBacks
    rules: RuleVersions
    webhooks: Webhooks
    corrections: Corrections
    retrainings: Retrainings
    records: Records
    audits: Audits
    requests: Requests
    watching: Watching
    shadows: Shadows
    examples: Examples
    canned: Canned
    dictionary: Dictionary
    wordings: Wordings
    complaints: Complaints
    improvements: Improvements
    helping: Helping
    notes: Notes
    ledger: Ledger
    surveys: Surveys
    search: Search
    search_index: SearchIndex

    async def close(self) -> None:
        await self.db.close()


def open_store(
    url: str,
    *,
    master_key: bytes,
    blob_dir: Path | None,
    zone: ZoneInfo,
    hold: float = 10.0,
    reopen: float = 7 * 86400.0,
    keep_complaints: float = 1096.0,
    clock: Clock | None = None,
    pool_size: int = 8,
) -> Store:
    """The store over ``url`` (sqlite+aiosqlite or postgresql+asyncpg); connects lazily.

    Open it on the event loop that uses it. ``blob_dir`` keeps blobs as files, None as rows.
    ``hold`` and ``reopen`` are seconds (see ``Threads``), ``keep_complaints`` are days (see
    ``Erasure``); ``clock`` replaces database time.
    """
    db = Database(url, clock=clock, pool_size=pool_size)
    vault = Vault(master_key)
    blobs: Blobs = TableBlobs(db)
    if blob_dir is not None:
        blobs = FileBlobs(blob_dir, clock or time.time)
    people = People(db, vault)
    conversations, ways_back = Conversations(db), WaysBack(db, vault)
    processes = Processes(db, vault)
    return Store(
        db=db,
        vault=vault,
        blobs=blobs,
        envelopes=Envelopes(db, blobs),
        people=people,
        threads=Threads(people, ways_back, vault, zone, hold, reopen),
        conversations=conversations,
        ways_back=ways_back,
        queue=Queue(db),
        boards=Boards(db),
        maintenance=Maintenance(db),
        measures=Measures(db),
        invariants=Invariants(db),
        tickets=Tickets(db, ways_back),
        transfers=Transfers(db),
        merging=Merging(db, zone),
        ending=Ending(db),
        offboarding=Offboarding(db),
        timers=Timers(db),
        clocks=Clocks(db),
        kpi=Kpi(db),
        followers=Followers(db),
        outbound=Outbound(db, ways_back),
        agents=Agents(db),
        tokens=ApiTokens(db),
        attempts=Attempts(db, vault),
        second_factors=SecondFactors(db, vault),
        staffing=Staffing(db, vault),
        events=Events(db),
        leases=Leases(db),
        processes=processes,
        overdue=OverdueWork(db),
        cursors=Cursors(db),
        uploads=Uploads(db, blobs),
        transcripts=Transcripts(db, people, conversations),
        customer_links=CustomerLinks(db),
        copies=Copies(db, people, ways_back),
        erasure=Erasure(db, vault, keep_complaints),
        orphaned_blobs=OrphanedBlobs(db, blobs),
        rekeying=Rekeying(db, vault, processes),
        bundles=Bundles(db),
        calls=Calls(db),
        files=Files(db, blobs),
        incidents=Incidents(db),
        follow_ups=FollowUps(db),
        call_backs=CallBacks(db),
        rules=RuleVersions(db),
        webhooks=Webhooks(db, vault),
        corrections=Corrections(db),
        retrainings=Retrainings(db),
        records=Records(db),
        audits=Audits(db),
        requests=Requests(db),
        watching=Watching(db),
        shadows=Shadows(db),
        examples=Examples(db),
        canned=Canned(db),
        dictionary=Dictionary(db),
        wordings=Wordings(db),
        complaints=Complaints(db, vault),
        improvements=Improvements(db),
        helping=Helping(db),
        notes=Notes(db),
        ledger=Ledger(db),
        surveys=Surveys(db),
        search=Search(db, vault),
        search_index=SearchIndex(db, people, vault),
    )
