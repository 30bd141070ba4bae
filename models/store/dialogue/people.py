"""Customers and identities: found by HMAC, sealed at rest, shown masked."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, select, update

from models.errors import NotFound
from models.message import Sender
from models.store.ground.database import Database, Tx
from models.store.ground.sealing import Vault, seal, unseal
from models.tables import customer, identity


@dataclass(frozen=True, slots=True)
class Known:
    """An identity inside a transaction, with the key that seals its customer's data."""

    id: str
    customer_id: str
    tier: str
    blocked: bool
    key: bytes


class People:
    """Who writes to us."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def known(
        self, tx: Tx, senders: Iterable[tuple[str, Sender]]
    ) -> dict[tuple[str, str], Known]:
        """The identities of (channel, sender) pairs, made where they are new.

        The result is keyed by (channel, sender.external_id).
        """
        wanted = {(channel, sender.external_id): sender for channel, sender in senders}
        found = await self._find(tx, wanted)
        if wanted.keys() - found.keys():
            generation = await self._vault.writing(tx)
            if self._vault.moving:  # one may have come in by the key before, until a moment ago
                found |= await self._find(tx, wanted.keys() - found.keys())
            missing = {name: wanted[name] for name in wanted.keys() - found.keys()}
            await self._create(tx, missing, generation)
            found |= await self._find(tx, missing)
        return {name: self._open(found[name]) for name in wanted}

    async def _find(
        self, tx: Tx, names: Iterable[tuple[str, str]]
    ) -> dict[tuple[str, str], Row[*tuple[Any, ...]]]:
        i = identity.c
        wanted = {lookup: name for name in names for lookup in self._vault.lookups(*name)}
        query = (
            select(i.id, i.lookup, i.customer_id, i.blocked, customer.c.key, customer.c.tier)
            .join(customer)
            .where(i.lookup.in_(list(wanted)))
        )
        return {wanted[row.lookup]: row for row in await tx.conn.execute(query)}

    async def _create(
        self, tx: Tx, wanted: Mapping[tuple[str, str], Sender], generation: int
    ) -> None:
        customers, identities = [], []
        # In the order of what is unique: two that make the same wait, and for each other never.
        lookups = {self._vault.lookup(*name, generation): name for name in wanted}
        for lookup, name in sorted(lookups.items()):
            channel, sender = name[0], wanted[name]
            key, wrapped = self._vault.new_key(generation)
            customers.append({"id": tx.new_id(), "key": wrapped, "created_at": tx.now})
            identities.append(
                {
                    "id": tx.new_id(),
                    "customer_id": customers[-1]["id"],
                    "channel": channel,
                    "lookup": lookup,
                    "sealed": seal(key, sender.model_dump_json().encode()),
                    "created_at": tx.now,
                }
            )
        await tx.insert(customer, customers)
        await tx.insert(identity, identities, new_only=True)
        # Another worker may have been first with some of them; its customer stands.
        made = [row["id"] for row in customers]
        used = select(identity.c.customer_id).where(identity.c.customer_id.in_(made))
        unused = delete(customer).where(customer.c.id.in_(made), customer.c.id.not_in(used))
        await tx.conn.execute(unused)

    def _open(self, row: Row[*tuple[Any, ...]]) -> Known:
        return Known(
            id=row.id,
            customer_id=row.customer_id,
            tier=row.tier,
            blocked=row.blocked,
            key=self._vault.unwrap(row.key),
        )

    async def keys(self, tx: Tx, identity_ids: Collection[str]) -> dict[str, bytes]:
        """What seals the data of these identities' customers, by identity."""
        if not identity_ids:
            return {}
        wrapped = select(identity.c.id, customer.c.key).join(customer)
        rows = await tx.conn.execute(wrapped.where(identity.c.id.in_(identity_ids)))
        return {row.id: self._vault.unwrap(row.key) for row in rows}

    async def tier(self, customer_id: str) -> str:
        """A customer's service level; “standard” for one that is unknown."""
        query = select(customer.c.tier).where(customer.c.id == customer_id)
        return await self._db.value(query) or "standard"

    async def senders(self, identity_ids: Sequence[str]) -> dict[str, Sender]:
        """The unsealed senders, for display: mask them unless a reveal was audited.

        Those who were erased are not among them.
        """
        query = (
            select(identity.c.id, identity.c.sealed, customer.c.key)
            .join(customer)
            .where(identity.c.id.in_(set(identity_ids)), customer.c.key.is_not(None))
        )
        async with self._db.read() as conn:
            rows = (await conn.execute(query)).all()
        return {
            row.id: Sender(**json.loads(unseal(self._vault.unwrap(row.key), row.sealed)))
            for row in rows
        }

    async def reveal(self, identity_id: str, agent_id: str) -> Sender:
        """The unmasked sender, after writing down who asked.

        Raises:
            NotFound: no such identity.
        """
        async with self._db.write() as tx:
            await tx.audit(agent_id, "identity.reveal", identity_id)
        found = await self.senders([identity_id])
        if identity_id not in found:
            raise NotFound("no such customer identity")
        return found[identity_id]

    async def block(self, identity_id: str, agent_id: str, blocked: bool) -> None:
        """Sends everything new from this identity to junk, or stops doing so.

        Raises:
            NotFound: no such identity.
        """
        async with self._db.write() as tx:
            change = update(identity).where(identity.c.id == identity_id)
            if (await tx.conn.execute(change.values(blocked=blocked))).rowcount == 0:
                raise NotFound("no such customer identity")
            action = "identity.block" if blocked else "identity.unblock"
            await tx.audit(agent_id, action, identity_id)
