"""Accepting: a message is acknowledged after its commit, and callers share commits."""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from models.errors import StorageFull, Temporary
from models.message import Envelope, Receipt
from models.ports import Doorbell
from models.store.intake.envelopes import Envelopes

PATIENCE_SECONDS = 30.0
"""A commit that takes longer is told of as one that failed: whoever waits for our answer gives up
soon after. If it was stored all the same, the message is known when it comes again."""

_log = structlog.stdlib.get_logger(__name__)

_Call = tuple[Sequence[Envelope], "asyncio.Future[list[Receipt]]"]


class Intake:
    """Group commit: whoever calls while a commit runs goes into the next one, together."""

    def __init__(
        self,
        envelopes: Envelopes,
        doorbell: Doorbell,
        *,
        group: int,
        check_room: Callable[[], None],
    ) -> None:
        """``group`` is the most envelopes a commit holds; ``check_room`` raises StorageFull."""
        self._envelopes = envelopes
        self._doorbell = doorbell
        self._group = group
        self._check_room = check_room
        self._waiting: list[_Call] = []
        self._committer: asyncio.Task[None] | None = None

    async def accept(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        """Stores the envelopes of one caller in one commit; see ``models.ports.Accept``."""
        future: asyncio.Future[list[Receipt]] = asyncio.get_running_loop().create_future()
        self._waiting.append((envelopes, future))
        if self._committer is None or self._committer.done():
            self._committer = asyncio.create_task(self._commit_all())
        return await future

    async def _commit_all(self) -> None:
        while self._waiting:
            calls = self._next_group()
            try:
                await self._commit(calls)
            except Temporary as error:
                _fail(calls, error)
            except Exception as error:  # noqa: BLE001  one caller's fault must reach that caller alone
                await self._commit_apart(calls, error)

    def _next_group(self) -> list[_Call]:
        calls = [self._waiting.pop(0)]
        size = len(calls[0][0])
        while self._waiting and size + len(self._waiting[0][0]) <= self._group:
            size += len(self._waiting[0][0])
            calls.append(self._waiting.pop(0))
        return calls

    async def _commit(self, calls: Sequence[_Call]) -> None:
        self._check_room()
        together = [envelope for envelopes, _ in calls for envelope in envelopes]
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                receipts = await self._envelopes.accept(together)
        except TimeoutError as error:
            raise Temporary("the database does not answer") from error
        for envelopes, future in calls:
            mine, receipts = receipts[: len(envelopes)], receipts[len(envelopes) :]
            if not future.done():  # its caller may have gone; what it brought is stored
                future.set_result(mine)
        for lane in sorted({envelope.lane for envelope in together}):
            await self._doorbell.ring(f"drain.{lane}")

    async def _commit_apart(self, calls: Sequence[_Call], error: Exception) -> None:
        if len(calls) == 1:
            _fail(calls, error)
            return
        for call in calls:
            try:
                await self._commit([call])
            except Exception as own:  # noqa: BLE001  goes to its caller
                _fail([call], own)


def _fail(calls: Sequence[_Call], error: Exception) -> None:
    # Ours say what is away or full; another one may quote what the message said.
    why = str(error) if isinstance(error, Temporary) else type(error).__name__
    _log.warning("not accepted", calls=len(calls), error=why)
    for _, future in calls:
        if not future.done():
            future.set_exception(error)


def disk_watermark(folder: Path, megabytes: int) -> Callable[[], None]:
    """A check that refuses new messages while the folder's disk has less room than this."""

    def check() -> None:
        if shutil.disk_usage(folder).free < megabytes * 1_000_000:
            raise StorageFull(
                f"磁盘剩余不足 {megabytes} MB，暂停受理：请清理数据目录所在磁盘。"
                f" / Less than {megabytes} MB of disk left: make room where the data is."
            )

    return check
