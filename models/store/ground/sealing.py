"""Personal data at rest: a key a customer, wrapped by the master key.

Erasing a customer's key makes everything sealed with it unreadable. Look-up goes by HMAC,
so that equal values can be found without being readable.

Master keys come in generations (docs/decisions/0029). The newest alone is set: it opens the ones
before it, which the table keeps sealed. What is sealed is sealed anew by the newest; what is an
HMAC is hashed once more by it, for the values themselves are not there to be hashed again.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.entropy import random_bytes
from models.errors import Permanent, Temporary
from models.store.ground.database import Database, Tx
from models.tables import master_key

_NONCE = 12

_LONGEST_LOOKUP = 64
"""Characters of the columns that hold one."""

KEY_LOCK = 7_305_119_143
"""Any constant: the name of PostgreSQL's advisory lock on which key writes."""


class Vault:
    """Seals and opens with AES-256-GCM; derives the sub-keys that others need."""

    def __init__(self, master: bytes) -> None:
        """``master`` is at least 32 random bytes. See ``check_key`` for those before it."""
        if len(master) < 32:
            raise ValueError("the master key must have at least 32 bytes")
        self.take([master])

    def take(
        self, masters: Sequence[bytes], *, signing: int | None = None, moving: bool = False
    ) -> None:
        """All keys there were, the oldest first: ``signing`` is the place of the one that signs.

        While things are ``moving`` to the last one, what the last but one left is read as well.
        """
        self._masters = tuple(masters)
        self._signing = self._masters[-1 if signing is None else signing]
        self.moving = moving
        newest = len(self._masters) - 1
        self.readable = (newest - 1, newest) if moving else (newest,)
        self._marks = [mark_of(master) for master in self._masters]
        self._ciphers: dict[tuple[str, int], AESGCM] = {}
        self._lookups = self.chain("lookup", newest)

    @property
    def newest(self) -> bytes:
        """The key that is set."""
        return self._masters[-1]

    @property
    def mark(self) -> int:
        """By which others know the key that is set: 56 bits that tell nothing of it."""
        return self._marks[-1]

    def signing_key(self, purpose: str) -> bytes:
        """A 32-byte key for what others hand back to us: reply addresses, tokens, links."""
        return _derive(self._signing, purpose)

    def chain(self, purpose: str, generation: int) -> tuple[bytes, ...]:
        """A key of each generation up to this one, for values that are hashed by each in turn."""
        return tuple(_derive(one, purpose) for one in self._masters[: generation + 1])

    def lookups(self, channel: str, value: str) -> tuple[str, ...]:
        """All that a value may be found by now, the newest last."""
        return tuple(self.lookup(channel, value, generation) for generation in self.readable)

    def lookup(self, channel: str, value: str, generation: int) -> str:
        """What a value is found by: equal values, equal result, nothing readable."""
        digest = _hmac(self._lookups[0], f"{channel}\0{value}")
        for later in range(1, generation + 1):
            digest = self.once_more(digest, later)
        return digest

    def once_more(self, lookup: str, generation: int) -> str:
        """What the generation before left as ``lookup``, hashed by this one."""
        return f"{generation}:{_hmac(self._lookups[generation], lookup)}"[:_LONGEST_LOOKUP]

    def new_key(self, generation: int) -> tuple[bytes, bytes]:
        """A customer's fresh key: for use now, and wrapped for the table."""
        key = random_bytes(32)
        return key, self.seal("wrap", key, generation)

    def unwrap(self, wrapped: bytes) -> bytes:
        return self.open("wrap", wrapped)

    def seal(self, purpose: str, plain: bytes, generation: int) -> bytes:
        return _seal(self._cipher(purpose, generation), plain)

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """Opens what ``seal`` closed, by whichever key it may have been.

        Raises:
            Permanent: another key, or tampered bytes.
        """
        for generation in reversed(self.readable):
            if (plain := _opened(self._cipher(purpose, generation), sealed)) is not None:
                return plain
        raise _closed()

    def is_newest(self, purpose: str, sealed: bytes) -> bool:
        """Whether the key that is set sealed this."""
        return _opened(self._cipher(purpose, self.readable[-1]), sealed) is not None

    async def writing(self, tx: Tx) -> int:
        """The generation that writes now, until this transaction has ended.

        Raises:
            Temporary: one that this process has not got; it must start with the new key.
        """
        if tx.dialect != "sqlite":
            await tx.conn.execute(select(func.pg_advisory_xact_lock_shared(KEY_LOCK)))
        return await self.current(tx.conn)

    async def current(self, conn: AsyncConnection) -> int:
        """As ``writing``, at this moment."""
        k = master_key.c
        last = select(k.generation, k.mark).where(k.activated_at.is_not(None))
        row = (await conn.execute(last.order_by(k.generation.desc()).limit(1))).one_or_none()
        if row is None:  # nobody has opened this database with ``check_key`` yet
            return 0
        if self._marks[row.generation : row.generation + 1] != [row.mark]:
            raise Temporary("the master key was changed: start this process with the new one")
        return int(row.generation)

    def ring(self, newer: bytes) -> bytes:
        """All of our keys, sealed with a ``newer`` one: see ``check_key``."""
        kept = json.dumps([base64.b64encode(one).decode() for one in self._masters])
        return seal(_derive(newer, "ring"), kept.encode())

    def _cipher(self, purpose: str, generation: int) -> AESGCM:
        known = self._ciphers.get((purpose, generation))
        if known is None:
            known = AESGCM(_derive(self._masters[generation], purpose))
            self._ciphers[purpose, generation] = known
        return known


async def check_key(db: Database, vault: Vault) -> None:
    """Makes sure that the database is sealed with this master key, and opens those before it.

    A host with another one would know no customer, and seal what nobody else can open. The first
    key that comes is the first generation.

    Raises:
        Permanent: it is another key, or one of the past; the sentence says what to do.
    """
    k = master_key.c
    query = select(master_key).order_by(k.generation)
    async with db.read() as conn:
        rows = (await conn.execute(query)).all()
    if not rows:
        async with db.write() as tx:
            times = dict.fromkeys(("created_at", "activated_at", "finished_at"), tx.now)
            first = tx.upsert(master_key).values(generation=0, mark=vault.mark, **times)
            await tx.conn.execute(first.on_conflict_do_nothing())
            rows = (await tx.conn.execute(query)).all()
    mine = next((row for row in rows if row.mark == vault.mark), None)
    if mine is None:
        raise Permanent(
            "主密钥与数据库的不符：请在各台机器上设置同一个 SHOULI_MASTER_KEY，"
            "或放回原来的 keys/master.key。"
            " / The database is sealed with another master key: set the same SHOULI_MASTER_KEY"
            " on all hosts, or put the old keys/master.key back."
        )
    if mine is not rows[-1] and rows[-1].activated_at is not None:
        raise Permanent(
            "主密钥已经轮换，这是旧的：请设置新的（docs/security.md）。"
            " / The master key was rotated, and this is an old one: set the new one"
            " (docs/security.md)."
        )
    _take(vault, mine, moving=mine.finished_at is None)


def _take(vault: Vault, mine: Row[*tuple[Any, ...]], *, moving: bool) -> None:
    if mine.ring is not None:
        own = vault.newest
        kept = json.loads(unseal(_derive(own, "ring"), mine.ring))
        masters = [*(base64.b64decode(one) for one in kept), own]
        vault.take(masters, signing=mine.signing, moving=moving)


def mark_of(master: bytes) -> int:
    return int.from_bytes(_derive(master, "mark")[:7], "big")


def _derive(master: bytes, purpose: str) -> bytes:
    """A 32-byte key for one purpose (HKDF-Expand of RFC 5869, one block)."""
    return hmac.digest(master, purpose.encode() + b"\x01", "sha256")


def _hmac(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def seal(key: bytes, plain: bytes) -> bytes:
    return _seal(AESGCM(key), plain)


def unseal(key: bytes, sealed: bytes) -> bytes:
    """Opens what ``seal`` closed.

    Raises:
        Permanent: another key, or tampered bytes.
    """
    plain = _opened(AESGCM(key), sealed)
    if plain is None:
        raise _closed()
    return plain


def _seal(cipher: AESGCM, plain: bytes) -> bytes:
    nonce = random_bytes(_NONCE)
    return nonce + cipher.encrypt(nonce, plain, None)


def _opened(cipher: AESGCM, sealed: bytes) -> bytes | None:
    try:
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], None)
    except InvalidTag:
        return None


def _closed() -> Permanent:
    return Permanent("sealed data does not open: the master key is another one")
