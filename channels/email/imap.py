"""Mail fetched over IMAP, for mailboxes without an MX of ours: the same envelopes as SMTP's.

What was read is stored, then flagged or moved on the server, and only then the cursor goes on:
whatever dies in between, a mail is read again and known by the hash of its bytes. One reader a
mailbox, by an SQL lease; a cursor is written only by who holds it. Nothing is ever expunged,
and what somebody marked as deleted is not read.
"""

import asyncio
import hashlib
import imaplib
import logging
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, NamedTuple, TypeVar

import imap_tools
from imap_tools.errors import UnexpectedCommandStatusError
from imap_tools.utils import encode_folder

from channels.email.options import Imap
from models.errors import Conflict, Temporary
from models.ids import uuid7
from models.message import Envelope, Lane
from models.ports import Door
from models.store.ground.leases import Held

_log = logging.getLogger(__name__)

_RENEWALS = 3
"""In the time of a lease: it is renewed between two waits on the server."""

_CHUNK_MAILS = 64
_CHUNK_BYTES = 16 * 1024 * 1024
"""What is fetched and stored together; one large mail comes alone."""

_CLOCKS_DIFFER = 3600.0
"""Seconds: the server dates mails by its own clock, and by that one may be behind ours a mail that
came just now is no old one."""

_STOP_SECONDS = 10.0
_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 300.0

_UID = re.compile(rb"\bUID (\d+)")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)")
_DATE = re.compile(rb'\bINTERNALDATE "([^"]+)"')

imaplib.Commands.setdefault("ID", ("NONAUTH", "AUTH", "SELECTED"))

_BROKEN = (imaplib.IMAP4.error, imap_tools.ImapToolsError, OSError, ValueError)
"""What a server or the way to it can do to us."""

_UNTRUSTED = (
    (
        "证书不受信任。host 要是证书上的名字（现在是 {host}）；自己的机构签的，"
        "在 channels.email.imap 里写 ca_file"
    ),
    (
        "its certificate is not trusted. host must be a name in it (it is {host}); that of a"
        " private authority needs ca_file under channels.email.imap"
    ),
)
_LOGIN_REFUSED = (
    (
        "{host} 拒绝登录，检查 channels.email.imap 的 username 和 password"
        "（163、126、QQ 等要先在网页邮箱里开启 IMAP，password 填授权码，不是登录密码）"
    ),
    (
        "{host} refused the login: check username and password under channels.email.imap (many"
        " providers want IMAP turned on first, and an authorisation code instead of the password)"
    ),
)
_LOOK = (
    "检查 channels.email.imap 的设置和 {host}",
    "check the settings in channels.email.imap, and {host}",
)
"""What to do about a mailbox that cannot be read, in Chinese and English."""

_T = TypeVar("_T")


class Mail(NamedTuple):
    """A mail as the server has it; ``size`` is that of the whole, ``raw`` may be its beginning."""

    uid: int
    size: int
    at: float
    raw: bytes


class Cursor(NamedTuple):
    """Read up to ``uid`` of the numbering ``validity``; nothing that came before ``since``."""

    validity: int
    uid: int
    since: float


class Box:
    """One connection to one folder. Blocking: every call runs in the reader's own thread."""

    def __init__(self, options: Imap, largest: int) -> None:
        self._options = options
        self._largest = largest
        self._mailbox: Any = None
        self.validity = 0
        self.next_uid = 1

    def open(self) -> None:
        """Connects, logs in, and selects the folder.

        Raises:
            imaplib.IMAP4.error, imap_tools.ImapToolsError, OSError: it did not work.
        """
        o = self._options
        self._mailbox = _connected(o)
        password = o.password.get_secret_value()
        # LOGIN takes ASCII only.
        plain = (o.username + password).isascii()
        login = self._mailbox.login if plain else self._mailbox.login_utf8
        login(o.username, password, initial_folder=None)
        client = self._mailbox.client
        # Capabilities may grow with the login (RFC 3501 §6.2.3).
        _, told = client.capability()
        self._capabilities = set(b" ".join(part or b"" for part in told).upper().split())
        if b"ID" in self._capabilities:
            # 163 and 126 refuse SELECT (“Unsafe Login”) to programs that do not say who they are.
            client._simple_command("ID", '("name" "shouli" "vendor" "shouli")')
        state = self._mailbox.folder.status(o.folder, ["UIDVALIDITY", "UIDNEXT"])
        self.validity, self.next_uid = state["UIDVALIDITY"], state.get("UIDNEXT", 1)
        self._mailbox.folder.set(o.folder)

    def interrupt(self) -> None:
        """From another thread: whatever waits for the server fails at once."""
        if self._mailbox is not None:
            with suppress(OSError):
                self._mailbox.client.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if self._mailbox is not None:
            with suppress(*_BROKEN):
                self._mailbox.client.logout()
            with suppress(*_BROKEN):  # an interrupted connection does not log out
                self._mailbox.client.shutdown()
            self._mailbox = None

    def after(self, uid: int, since: float) -> list[int]:
        """The UIDs above ``uid`` that nobody has marked as deleted, lowest first.

        Only of mails that came on the day of ``since``, about, or later.
        """
        wanted = f"UID {uid + 1}:* UNDELETED"
        if since:
            # A day early: the server means its own days.
            day = datetime.fromtimestamp(since - 86400.0, UTC)
            wanted += f" SINCE {format_datetime(day)[5:16].strip().replace(' ', '-')}"
        found = self._mailbox.uids(wanted, charset=None)
        # “9:*” names the last mail even when its UID is lower (RFC 3501 §6.4.8).
        return sorted(number for number in map(int, found) if number > uid)

    def chunks(self, uids: Sequence[int]) -> Iterator[list[tuple[int, int, float]]]:
        """(UID, size, date) in pieces that may be held in memory together."""
        for start in range(0, len(uids), _CHUNK_MAILS):
            chunk: list[tuple[int, int, float]] = []
            room = _CHUNK_BYTES
            for uid, size, at in self._facts(uids[start : start + _CHUNK_MAILS]):
                if chunk and size > room:
                    yield chunk
                    chunk, room = [], _CHUNK_BYTES
                chunk.append((uid, size, at))
                room -= size
            if chunk:
                yield chunk

    def _facts(self, uids: Sequence[int]) -> list[tuple[int, int, float]]:
        facts = []
        for item in self._fetch(uids, "(UID RFC822.SIZE INTERNALDATE)"):
            line = item if isinstance(item, bytes) else b" ".join(item)
            uid, size, date = _UID.search(line), _SIZE.search(line), _DATE.search(line)
            if uid and size:
                facts.append((int(uid[1]), int(size[1]), _seconds(date[1]) if date else 0.0))
        return sorted(facts)

    def mails(self, chunk: Sequence[tuple[int, int, float]]) -> list[Mail]:
        """The mails themselves; one over the limit is cut, and stays whole on the server."""
        known = {uid: (size, at) for uid, size, at in chunk}
        answer = self._fetch(list(known), f"(UID BODY.PEEK[]<0.{self._largest}>)")
        mails = []
        for place, item in enumerate(answer):
            if isinstance(item, bytes):
                continue
            rest = answer[place + 1] if place + 1 < len(answer) else b""
            # The UID stands before the literal, or behind it.
            uid = _UID.search(item[0]) or (_UID.search(rest) if isinstance(rest, bytes) else None)
            if uid and int(uid[1]) in known:
                mails.append(Mail(int(uid[1]), *known[int(uid[1])], item[1]))
        return mails

    def _fetch(self, uids: Sequence[int], parts: str) -> list[Any]:
        kind, answer = self._mailbox.client.uid("FETCH", ",".join(map(str, uids)), parts)
        if kind != "OK":
            raise imaplib.IMAP4.error(f"FETCH: {kind}")
        return [item for item in answer if item]

    def settle(self, uids: Sequence[int]) -> None:
        """What is done with mails that are stored: flagged, moved, or nothing."""
        # Not the library's ways, which expunge what others have marked as deleted.
        numbers = ",".join(map(str, uids))
        if self._options.afterwards == "move":
            self._move(numbers)
        elif self._options.afterwards == "flag":
            self._tell("STORE", numbers, "+FLAGS.SILENT", "(\\Seen)")

    def _move(self, numbers: str) -> None:
        """By MOVE (RFC 6851), or else a copy and a mark on the original."""
        folder = self._options.move_to
        if not self._mailbox.folder.exists(folder):
            self._mailbox.folder.create(folder)
        target = encode_folder(folder)
        if b"MOVE" in self._capabilities:
            self._tell("MOVE", numbers, target)
            return
        self._tell("COPY", numbers, target)
        self._tell("STORE", numbers, "+FLAGS.SILENT", "(\\Deleted)")
        if b"UIDPLUS" in self._capabilities:
            self._tell("EXPUNGE", numbers)

    def _tell(self, command: str, *words: Any) -> None:
        kind, answer = self._mailbox.client.uid(command, *words)
        if kind != "OK":
            raise imaplib.IMAP4.error(f"{command}: {answer}")

    def wait(self, seconds: float) -> bool:
        """Waits until something new may be there, ``seconds`` at the most.

        False where the server cannot tell, and nothing was waited for.
        """
        if self._options.idle and b"IDLE" in self._capabilities:
            self._mailbox.idle.wait(timeout=seconds)
            return True
        self._mailbox.client.noop()
        return False


def _connected(o: Imap) -> Any:
    if o.security == "none":
        return imap_tools.MailBoxUnencrypted(o.host, o.port, o.timeout_seconds)
    context = ssl.create_default_context(cafile=o.ca_file)
    if o.security == "starttls":
        return imap_tools.MailBoxStartTls(o.host, o.port, o.timeout_seconds, ssl_context=context)
    return imap_tools.MailBox(o.host, o.port, o.timeout_seconds, ssl_context=context)


def _reason(error: Exception) -> str:
    """The server's words, never ours: those hold the password."""
    told = str(error)
    if isinstance(error, UnexpectedCommandStatusError):
        # The library quotes a tuple of bytes; what the server wrote is in it.
        lines = [line for line in error.command_result[1] if isinstance(line, bytes)]
        told = b" ".join(lines).decode("utf-8", "replace")
    return f"{type(error).__name__}: {told:.200}"


def _remedy(error: Exception, host: str) -> tuple[str, str]:
    """What to look at, in Chinese and English."""
    if isinstance(error, ssl.SSLCertVerificationError):
        zh, en = _UNTRUSTED
    elif isinstance(error, imap_tools.MailboxLoginError):
        zh, en = _LOGIN_REFUSED
    else:
        zh, en = _LOOK
    return zh.format(host=host), en.format(host=host)


def _seconds(date: bytes) -> float:
    """INTERNALDATE, whose day may be padded with a space (RFC 3501 §9)."""
    return datetime.strptime(date.decode().strip(), "%d-%b-%Y %H:%M:%S %z").timestamp()


class Reader:
    """Reads one mailbox for as long as it holds the lease on it."""

    def __init__(self, options: Imap, account: str, largest: int, door: Door) -> None:
        """``largest``: bytes of a mail that are stored at the most."""
        self._options = options
        self._account = account
        self._largest = largest
        self._door = door
        self._name = f"imap:{options.username}@{options.host}/{options.folder}"
        self._lease = f"imap:{hashlib.sha256(self._name.encode()).hexdigest()[:32]}"
        self._holder = uuid7(door.clock())
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="imap")
        self._task: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        self._look_again = options.lease_seconds / _RENEWALS
        self._box: Box | None = None
        self._held: Held | None = None
        self._failed = 0  # times in a row
        self.trouble: str | None = None
        """Why the mailbox has not been read lately; a line that breaks once is none."""

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Stops reading; a commit under way is waited for by its own channel's door."""
        if self._task is not None:
            self._over.set()
            if self._box is not None:
                self._box.interrupt()
            # What it has begun with the database it ends by itself.
            await asyncio.wait({self._task}, timeout=_STOP_SECONDS)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            if self._held is not None:
                with suppress(Temporary):
                    await self._door.store.leases.drop(self._held)
        await asyncio.to_thread(self._thread.shutdown)

    async def _run(self) -> None:
        while not self._over.is_set():
            pause = _FIRST_PAUSE
            try:
                held = self._held = await self._take()
                if held is None:
                    self._well()  # for another process reads it
                    await self._sleep(self._look_again)
                    continue
                await self._session(held)
            except Conflict:
                _log.info("another process reads %s now", self._name)
            except Temporary as error:
                _log.warning("%s is read later: %s", self._name, error)
            except _BROKEN as error:
                if self._over.is_set():
                    return  # it was interrupted
                why = _reason(error)
                _log.warning("IMAP %s: %s", self._name, why)
                pause = self._broken(error, why)
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end the reading
                _log.exception("reading %s failed", self._name)
                pause = self._broken(error, type(error).__name__)
            await self._sleep(pause)

    def _broken(self, error: Exception, why: str) -> float:
        """Seconds until the next attempt, twice as long each time; of the second it is told."""
        self._failed += 1
        if self._failed > 1:
            asked = self._options
            zh, en = _remedy(error, asked.host)
            self.trouble = (
                f"邮箱 {asked.username} 读不到（{why}）：{zh}"
                f" / The mailbox {asked.username} cannot be read ({why}): {en}"
            )
        # After days the power itself would overflow, and end the reading for good.
        return min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(self._failed, 10))

    def _well(self) -> None:
        self._failed, self.trouble = 0, None

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)

    async def _session(self, held: Held) -> None:
        """From connecting until the lease is lost or the connection breaks."""
        box = self._box = Box(self._options, self._largest)
        try:
            await self._do(box.open)
            cursor = await self._begin(box, held)
            while True:
                # Until there is nothing more: what came meanwhile was told of already.
                while (read := await self._read(box, cursor, held)) != cursor:
                    cursor = read
                self._well()
                seconds = min(self._look_again, self._options.poll_seconds)
                if not await self._do(box.wait, seconds):
                    await self._sleep(seconds)
                if self._over.is_set():
                    return
                again = await self._take()
                if again is None or again.fence != held.fence:
                    return
        finally:
            self._box = None
            with suppress(RuntimeError):  # the thread was shut down before
                self._thread.submit(box.close)

    async def _take(self) -> Held | None:
        """Takes the lease, or renews it."""
        return await self._door.store.leases.take(
            self._lease, self._holder, self._options.lease_seconds
        )

    async def _do(self, work: Callable[..., _T], *values: Any) -> _T:
        """What blocks, in the thread; the lease is kept meanwhile.

        A large mail on a slow line takes longer than one lasts: another process would begin with
        the same mails, and neither come to those behind them.
        """
        working = asyncio.get_running_loop().run_in_executor(self._thread, work, *values)
        try:
            while not (await asyncio.wait({working}, timeout=self._look_again))[0]:
                await self._take()
            return working.result()
        finally:
            working.cancel()

    async def _begin(self, box: Box, held: Held) -> Cursor:
        """Where to go on.

        UIDs of another UIDVALIDITY mean nothing (RFC 3501 §2.3.1.1): all is read again from the
        first day on, and what is stored already is known by its hash.
        """
        stored = await self._door.store.cursors.get("email", self._name)
        if stored is None:
            history = self._options.history
            first = 0 if history else box.next_uid - 1
            cursor = Cursor(box.validity, first, 0.0 if history else self._door.clock())
        else:
            cursor = Cursor(**stored)
            if cursor.validity == box.validity:
                return cursor
            _log.warning("%s was numbered anew and is read again", self._name)
            cursor = Cursor(box.validity, 0, cursor.since)
        await self._move(cursor, held)
        return cursor

    async def _move(self, cursor: Cursor, held: Held) -> None:
        await self._door.store.cursors.move("email", self._name, cursor._asdict(), held)

    async def _read(self, box: Box, cursor: Cursor, held: Held) -> Cursor:
        """All that is new, stored; returns the new cursor."""
        uids = await self._do(box.after, cursor.uid, cursor.since)
        chunks = box.chunks(uids)
        while not self._over.is_set() and (chunk := await self._do(next, chunks, [])):
            wanted = [fact for fact in chunk if fact[2] >= cursor.since - _CLOCKS_DIFFER]
            mails = await self._do(box.mails, wanted) if wanted else []
            if mails:
                await self._door.accept([self._envelope(mail) for mail in mails])
                await self._do(box.settle, [mail.uid for mail in mails])
            cursor = cursor._replace(uid=chunk[-1][0])
            await self._move(cursor, held)
            await self._take()
        return cursor

    def _envelope(self, mail: Mail) -> Envelope:
        now = self._door.clock()
        digest = hashlib.sha256(mail.raw).hexdigest()
        o = self._options
        facts = {"imap": o.host, "folder": o.folder, "uid": mail.uid}
        if o.authserv_id:
            facts["authserv_id"] = o.authserv_id
        cut = {"cut_from": mail.size} if len(mail.raw) >= self._largest else {}
        return Envelope(
            id=uuid7(now),
            channel="email",
            account=self._account,
            dedupe_key=digest,
            body=mail.raw,
            received_at=now,
            lane=Lane.MAIL,
            transport={**facts, **cut, "internal_date": mail.at},
            sha256=digest,
        )
