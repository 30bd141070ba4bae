"""Personal data at rest: a key a customer, wrapped by the master key.

Erasing a customer's key makes everything sealed with it unreadable. Look-up goes by HMAC,
so that equal values can be found without being readable.
"""

import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select

from models.entropy import random_bytes
from models.errors import Permanent
from models.store.ground.database import Database
from models.tables import counter

_NONCE = 12


class Vault:
    """Seals and opens with AES-256-GCM; derives the sub-keys that others need."""

    def __init__(self, master: bytes) -> None:
        """``master`` is at least 32 random bytes."""
        if len(master) < 32:
            raise ValueError("the master key must have at least 32 bytes")
        self._master = master
        self._wrap = AESGCM(self.derive("wrap"))
        self._lookup = self.derive("lookup")

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose (HKDF-Expand of RFC 5869, one block)."""
        return hmac.digest(self._master, purpose.encode() + b"\x01", "sha256")

    def lookup(self, channel: str, value: str) -> str:
        """What a value is found by: equal values, equal result, nothing readable."""
        return hmac.new(self._lookup, f"{channel}\0{value}".encode(), hashlib.sha256).hexdigest()

    def new_key(self) -> tuple[bytes, bytes]:
        """A customer's fresh key: for use now, and wrapped for the table."""
        key = random_bytes(32)
        return key, _seal(self._wrap, key)

    def unwrap(self, wrapped: bytes) -> bytes:
        return _open(self._wrap, wrapped)


async def check_key(db: Database, vault: Vault) -> None:
    """Makes sure that the database is sealed with this master key: the first that came.

    A host with another one would know no customer, and seal what nobody else can open.

    Raises:
        Permanent: it is another key; the sentence says what to do.
    """
    mark = int.from_bytes(vault.derive("mark")[:7], "big")
    async with db.write() as tx:
        first = tx.upsert(counter).values(name=_MARK, value=mark).on_conflict_do_nothing()
        await tx.conn.execute(first)
        query = select(counter.c.value).where(counter.c.name == _MARK)
        stored = (await tx.conn.execute(query)).scalar_one()
    if stored != mark:
        raise Permanent(
            "主密钥与数据库的不符：请在各台机器上设置同一个 SHOULI_MASTER_KEY，"
            "或放回原来的 keys/master.key。"
            " / The database is sealed with another master key: set the same SHOULI_MASTER_KEY"
            " on all hosts, or put the old keys/master.key back."
        )


_MARK = "master key"
"""Name of the counter row that holds 56 bits derived from the key; they tell nothing of it."""


def seal(key: bytes, plain: bytes) -> bytes:
    return _seal(AESGCM(key), plain)


def unseal(key: bytes, sealed: bytes) -> bytes:
    """Opens what ``seal`` closed.

    Raises:
        Permanent: another key, or tampered bytes.
    """
    return _open(AESGCM(key), sealed)


def _seal(cipher: AESGCM, plain: bytes) -> bytes:
    nonce = random_bytes(_NONCE)
    return nonce + cipher.encrypt(nonce, plain, None)


def _open(cipher: AESGCM, sealed: bytes) -> bytes:
    try:
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], None)
    except InvalidTag as error:
        raise Permanent("sealed data does not open: the master key is another one") from error
