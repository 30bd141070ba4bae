"""What customers are told unasked or at once: the text in force, filled in, with its version."""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from models.store import Store
from models.store.dialogue.wordings import published
from models.texts import Language, Said, default_version


class Wording:
    """The defaults of this installation, and over them what was published at the desk."""

    def __init__(self, defaults: Mapping[tuple[str, Language], str]) -> None:
        self._defaults = defaults
        self._published: Mapping[tuple[str, str], tuple[int, str]] = {}

    async def refresh(self, store: Store) -> None:
        """Looks for other versions.

        Raises:
            Temporary: the database is out of reach.
        """
        async with store.db.read() as conn:
            await self.refresh_within(conn)

    async def refresh_within(self, conn: AsyncConnection) -> None:
        """As ``refresh``, in a transaction that is open."""
        self._published = await published(conn)

    def say(self, name: str, lang: Language, **values: str) -> Said:
        """The text ``name`` with its placeholders filled in."""
        number, text = self._published.get((name, lang), (None, self._defaults[name, lang]))
        version = number or default_version(text)
        return Said(text.format_map(values), f"{name}/{lang}@{version}")
