"""What the desk is given: values and callables, filled in by the composition root."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, NamedTuple, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler

from desk.masking import FindSpans
from models.addresses import Network
from models.agent import SecondFactorFor
from models.complaint import Filing
from models.follow_up import Plan
from models.opening import Opening
from models.ports import Bus, Clock, Doorbell
from models.routing import Line, Needs, Rules
from models.store import Store
from models.store.ground.idempotency import Key
from models.store.routing.rules import Publication, Seen
from models.store.tickets.handling import Ticket
from models.store.tickets.waiting import PositionOf, Rekey
from models.texts import Language
from models.ticket import Labels
from models.training import Taxonomy


class Words(NamedTuple):
    """One statement in both languages."""

    zh: str
    en: str


class Route(NamedTuple):
    """Where a ticket belongs: its needs, and the seconds its first answer is due in.

    ``clock_at`` is when those seconds count from; None: from where they did.
    ``rekey``: how a ticket that waits already moves there.
    """

    needs: Needs
    target: float
    clock_at: float | None = None
    rekey: Rekey | None = None


class Waits(Protocol):
    """Why a ticket waits: facts for programs, and the same as prose (zh, en)."""

    @property
    def facts(self) -> Mapping[str, object]: ...

    @property
    def text(self) -> tuple[str, str]: ...


class Explain(Protocol):
    """Why a decision of the router chose its agent, in sentences.

    ``decision`` is a stored ``models.routing.Decision`` as a mapping, ``needs`` those of the
    ticket's class, ``names`` maps agent ids to what people call them. Returns (zh, en).
    """

    def __call__(
        self, decision: Mapping[str, Any], needs: Needs, names: Mapping[str, str], /
    ) -> tuple[str, str]: ...


class RulesNote(Protocol):
    """Something said of rules: where in them, and in which words (zh, en)."""

    @property
    def where(self) -> str: ...

    @property
    def text(self) -> tuple[str, str]: ...


class Finding(RulesNote, Protocol):
    """What a review found; an “error” keeps rules from being published."""

    @property
    def level(self) -> str: ...

    @property
    def setting(self) -> tuple[str, str]: ...


class Change(RulesNote, Protocol):
    """A setting that two versions differ in."""

    @property
    def before(self) -> Any: ...

    @property
    def after(self) -> Any: ...


class RulesPreview(Protocol):
    """Content that is not kept: whole, reviewed, and compared with what is in force.

    Where it is no rules at all, ``content`` is None and nothing is compared; ``against`` is the
    version it is compared with.
    """

    @property
    def content(self) -> Mapping[str, Any] | None: ...

    @property
    def findings(self) -> Sequence[Finding]: ...

    @property
    def against(self) -> int | None: ...

    @property
    def changes(self) -> Sequence[Change]: ...


class RulesAdmin(Protocol):
    """Who drafts, reviews, compares and publishes versions of the rules.

    ``draft`` and ``publish`` raise ``Rejected`` for what is unfit; its text says all that is
    wrong, as “zh / en”.
    """

    @property
    def channels(self) -> Sequence[str]:
        """The open channels, which a line of business may be of."""

    async def draft(
        self,
        content: Mapping[str, Any],
        by: str | None,
        why: str,
        based_on: int | None,
        key: Key | None = None,
        seen: Seen | None = None,
    ) -> int: ...

    async def preview(self, content: Mapping[str, Any], line: Line) -> RulesPreview: ...

    async def findings(self, content: Mapping[str, Any], line: Line) -> Sequence[Finding]: ...

    async def changes(self, before: int, after: int) -> Sequence[Change]: ...

    async def publish(
        self, number: int, line: Line, by: str | None, why: str, *, despite: bool = False
    ) -> Publication: ...


class Rehearse(Protocol):
    """Plays a version of the rules on the last tickets, beside those in force.

    Raises ``Rejected`` with the code “unplayed” where there is nothing to show; its text says why,
    as “zh / en”. Whoever cancels it stops it.
    """

    async def __call__(self, number: int, line: Line, tickets: int, /) -> dict[str, Any]: ...


class BundleWork(Protocol):
    """What can be done with bundles only where the classifier is known."""

    async def promote(
        self, bundle_id: str, by: str | None, why: str, *, against_gate: bool = False
    ) -> None:
        """Moves the pointer to a bundle that was found able to serve.

        Raises:
            NotFound: no such bundle.
            Rejected: it cannot serve here; or (Conflict) its gate did not pass.
        """

    async def compare(self, one: str, other: str) -> dict[str, Any]:
        """Both on the golden set, by facet (``classifier.gate.compare``); raises likewise."""

    async def shadow(self, bundle_id: str, by: str | None) -> None:
        """Lets a bundle that can serve label beside the champion; raises likewise."""


class ClassifierMonitor(Protocol):
    """What is seen of the classifier at work, as JSON."""

    async def report(self, days: int = 30) -> dict[str, Any]:
        """Drift and agreement by day, and the alarms now."""

    async def trend(self) -> dict[str, Any]:
        """Four weeks against the four before, facet by facet and class by class."""

    async def shadow(self, limit: int = 50) -> dict[str, Any] | None:
        """What the challenger in shadow has said, and where it disagrees; None: there is none."""


class WebhookTrial(Protocol):
    """What was answered to what is no event.

    ``status`` is None where nobody answered, ``error`` empty for a 2xx, ``said`` the first bytes
    of the answer, ``seconds`` how long it took.
    """

    @property
    def status(self) -> int | None: ...

    @property
    def error(self) -> str: ...

    @property
    def seconds(self) -> float: ...

    @property
    def said(self) -> str: ...


class Suggest(Protocol):
    """Canned answers and resolved tickets that are like a ticket, as JSON, best first.

    Tickets are those that were in the hands of ``for_agent``; None: of everybody.
    """

    async def __call__(self, ticket_id: str, for_agent: str | None, /) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class DeskOptions:
    """Settings of the desk door.

    ``origins``: exact origins (“https://desk.example.com”) that browsers may come from; when
    empty, only pages of the host that is being asked. ``second_person``: whoever wrote a text for
    an incident may not approve it; ``incident_alert``: roles that are told of a drill.
    ``webhook_networks``: where webhooks may be besides the public Internet.
    ``proxies``: whose X-Forwarded-For names who comes.
    ``survey_seconds``: how long one may be answered; ``survey_change_seconds``: or changed.
    """

    version: str = ""
    session_hours: float = 12.0
    second_factor: SecondFactorFor = SecondFactorFor.OPTIONAL
    secure_cookie: bool = False
    origins: frozenset[str] = frozenset()
    proxies: tuple[Network, ...] = ()
    webhook_networks: tuple[Network, ...] = ()
    second_person: bool = True
    incident_alert: tuple[str, ...] = ("supervisor", "admin")
    beat_seconds: float = 10.0
    ping_seconds: float = 25.0
    transfer_seconds: float = 600.0
    survey_seconds: float = 7 * 86400.0
    survey_change_seconds: float = 86400.0


@dataclass(frozen=True, slots=True)
class DeskServices:
    """Everything the desk needs of others.

    ``waiting``: why a ticket waits, if it does.
    ``placing``: where a ticket belongs by labels that it may get. ``delivery_problem``: why
    answers on a channel wait, as a sentence with the remedy, or None when they do not.
    ``doubt``: why an answer on a channel to an address may not arrive, or None.
    ``ending``: of the name of a file that holds a message of a channel as it came.
    ``takes``: how many of the messages that a channel's platform allows an answer is, by its text
    and the number of its files.
    ``repeatable``: the channels that show an answer once however often it is sent.
    ``rehearse``: what a version of the rules would have done with the last tickets.
    ``bundle_work``: what only those can do with bundles who know the classifier.
    ``position_of``: where a waiting ticket stands now.
    ``in_force``: the general rules that hold now. ``filing``: what is filed of a complaint with
    these labels under these rules, None where they call it none.
    ``openings``: the hours of the centre and its teams at a moment. ``receipts``: the open
    channels, and whether what comes by each is acknowledged.
    ``zone``: the time zone of the house, in which a month begins.
    ``preview``: a small WebP of a picture with this MIME type, None where none can be made.
    ``spans``: key information in a text.
    ``suggest``: answers by example.
    ``watch``: what is seen of the classifier at work.
    ``try_webhook``: sends what is no event to a URL, signed with a secret, as events are.
    ``texts``: what customers get by themselves where nothing else was published, by name
    and language.
    ``plan``: when customers are called back.
    ``metrics``: the handler of /metrics, if it is served here.
    """

    store: Store
    bus: Bus
    doorbell: Doorbell
    clock: Clock
    taxonomy: Taxonomy
    placing: Callable[[Ticket], Awaitable[Callable[[Labels, float], Route]]]
    explain: Explain
    waiting: Callable[[str], Awaitable["Waits | None"]]
    rules: RulesAdmin
    rehearse: Rehearse
    bundle_work: BundleWork
    suggest: Suggest
    spans: FindSpans
    preview: Callable[[bytes, str], Awaitable[bytes | None]]
    watch: ClassifierMonitor
    try_webhook: Callable[[str, bytes], Awaitable[WebhookTrial]]
    delivery_problem: Callable[[str], str | None]
    doubt: Callable[[str, str], str | None]
    ending: Callable[[str], str]
    takes: Callable[[str, str, int], int]
    repeatable: Collection[str]
    plan: Plan
    texts: Mapping[tuple[str, Language], str]
    position_of: PositionOf
    in_force: Callable[[], Awaitable[Rules]]
    openings: Callable[[float], Sequence[Opening]]
    receipts: Mapping[str, bool]
    filing: Callable[[Labels, Rules], Filing | None]
    zone: tzinfo
    options: DeskOptions = DeskOptions()
    metrics: Handler | None = None


SERVICES = web.AppKey("services", DeskServices)
