"""What a visitor can have besides chatting: files, an end, the transcript by mail."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from channels.webchat.hub import Hub, Room
from channels.webchat.limits import Buckets, Seats
from channels.webchat.options import Options
from channels.webchat.protocol import End, Refused, Transcript
from channels.webchat.reception import Reception, Session
from channels.webchat.signed import Signer
from models.errors import Rejected
from models.filetypes import sniffed
from models.ports import Door
from models.store.dialogue.conversations import Entry
from models.store.dialogue.transcripts import Mailbox

_LINK_SECONDS = 7 * 86_400.0
"""How long a link to a file opens it; every visit to the chat gives new ones."""

_AT_ONCE = 4
"""Uploads that are held in memory at the same time, once they are whole."""

_MOST_UPLOADING = 32
"""With those that come in yet, in files of their own: a slow line holds nobody else up."""

_OF_ONE_ADDRESS = 2

_ADDRESS_SHARE = 10
"""So many times a visitor's files an hour may come from one address: sessions cost nothing."""

_TRANSCRIPT = {
    "zh": ("您的对话记录", "您", "客服", "系统"),
    "en": ("Your conversation with us", "You", "Agent", "Automatic"),
}


class Service:
    """Everything here may raise ``Temporary``."""

    def __init__(self, options: Options, secret: bytes, door: Door, hub: Hub) -> None:
        self.hub = hub
        self._options = options
        self._store = door.store
        self._clock = clock = door.clock
        self._check_room = door.check_room
        self._links = Signer(secret, "download")
        self._uploads = Buckets(clock, options.files_per_hour / 60.0, options.files_per_hour)
        most = _ADDRESS_SHARE * options.files_per_hour
        self._address_uploads = Buckets(clock, most / 60.0, most)
        self.memory = asyncio.Semaphore(_AT_ONCE)
        self._uploading = Seats(_MOST_UPLOADING, _OF_ONE_ADDRESS)

    @property
    def most_bytes(self) -> int:
        return self._options.max_file_mb * 1024 * 1024

    async def facts(self, room: Room) -> dict[str, Any]:
        """What the widget is told on arrival, besides the log."""
        return {
            "online": await self.hub.attendance.here(),
            "seen": room.seen,
            "files": self.most_bytes,
            "mail": self._options.mail_account is not None,
        }

    # -- files -------------------------------------------------------------------------

    @asynccontextmanager
    async def uploading(self, session: Session) -> AsyncIterator[None]:
        """A place for one file. One address never has all: others want to send files, too.

        Whoever has it whole reads it under ``memory``.

        Raises:
            Refused: ``no_files``, ``rate`` or ``connections``.
            StorageFull: the disk has too little room.
        """
        if not self.most_bytes:
            raise Refused("no_files")
        self._check_room()
        self._uploads.take(session.key)
        self._address_uploads.take(session.address)
        self._uploading.take(session.address)
        try:
            yield
        finally:
            self._uploading.leave(session.address)

    async def store_file(
        self, reception: Reception, session: Session, name: str, declared: str, content: bytes
    ) -> dict[str, Any]:
        """Keeps a file by its content; the message that carries it names its ``id``.

        It goes again where none does so in time.
        """
        mime = await asyncio.to_thread(sniffed, content, declared)
        facts = reception.file_id(session, name, mime, content)
        sha256 = facts.pop("sha256")
        await self._store.orphaned_blobs.expect({sha256}, self._options.upload_hours * 3600.0)
        await self._store.blobs.put({sha256: content})
        return facts

    def link(self, file: Mapping[str, Any]) -> str:
        """Where a file of the conversation is, for whoever has been told of it, for a week."""
        facts = {name: file[name] for name in ("name", "mime", "sha256")}
        until = int(self._clock() + _LINK_SECONDS)
        return f"files/{self._links.seal(facts | {'until': until})}"

    async def open_link(self, token: str) -> tuple[dict[str, Any], bytes]:
        """The facts and the content. Raises ``Refused`` (``file``), ``NotFound``."""
        facts = self._links.open(token)
        if facts is None or facts["until"] < self._clock():
            raise Refused("file")
        return facts, await self._store.blobs.get(facts["sha256"])

    # -- the end -----------------------------------------------------------------------

    async def wish(self, room: Room, session: Session, frame: End | Transcript) -> dict[str, Any]:
        """Carries out what a visitor wants of the whole conversation; the frame that says so."""
        if room.conversation_id is None:
            raise Refused("nothing")
        if isinstance(frame, End):
            await self._store.conversations.end(room.conversation_id)
            return {"type": "ended"}
        return await self._mail(room.conversation_id, session, frame)

    async def _mail(
        self, conversation_id: str, session: Session, frame: Transcript
    ) -> dict[str, Any]:
        account = self._options.mail_account
        if account is None:
            raise Refused("no_mail")
        language = "en" if session.lang.lower().startswith("en") else "zh"
        subject, *names = _TRANSCRIPT[language]
        mailbox = Mailbox(self._options.mail_channel, account, frame.email)

        def write(lines: Sequence[Entry]) -> str:
            return _written(lines, names, frame.offset)

        try:
            await self._store.transcripts.send(conversation_id, mailbox, subject, write)
        except Rejected as error:
            known = {"nothing": 0.0, "rate": 3600.0}
            if error.code not in known:
                raise
            raise Refused(error.code, retry_after=known[error.code]) from error
        return {"type": "transcript", "email": frame.email}


def _written(lines: Sequence[Entry], names: Sequence[str], offset: int) -> str:
    """The conversation as text, in the visitor's own time."""
    zone = timezone(-timedelta(minutes=offset)) if offset else UTC
    return "\n\n".join(_line(entry, names, zone) for entry in lines)


def _line(entry: Entry, names: Sequence[str], zone: timezone) -> str:
    you, agent, automatic = names
    who = you if entry.side == "customer" else agent if entry.kind == "reply" else automatic
    at = datetime.fromtimestamp(entry.at, zone)
    files = "".join(f"\n📎 {file.get('name')}" for file in entry.attachments)
    return f"[{at:%Y-%m-%d %H:%M}] {who}\n{entry.text}{files}"
