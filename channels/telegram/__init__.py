"""Telegram: a bot's private chats, and groups where it is spoken to."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from channels.telegram.options import Options
from models.message import Envelope, File, Lane, Normalized, OutboundMessage, SendResult
from models.ports import Door

if TYPE_CHECKING:
    from channels.telegram.api import Api
    from channels.telegram.polling import Polling
    from channels.telegram.webhook import Webhook

__all__ = ["Options", "TelegramChannel", "create"]


class TelegramChannel:
    """One bot. Implements ``models.ports``: ``Channel``, ``Fetches``, ``OffersChoices``.

    The library is imported where it is first used: the HTTP client alone takes a while.
    """

    name = "telegram"
    lane = Lane.LIVE
    isolated = False
    original_ending = "json"
    repeatable = False
    offers_choices = True

    def __init__(self, options: Options, secret: bytes) -> None:
        self._options = options
        self._secret = secret
        self._made: Api | None = None
        self._ear: Polling | Webhook | None = None

    @property
    def _api(self) -> "Api":
        from channels.telegram.api import Api

        if self._made is None:
            self._made = Api(self._options)
        return self._made

    def normalize(self, envelope: Envelope, /) -> list[Normalized]:
        from channels.telegram.reading import read

        return read(envelope, self._options.username)

    async def open(self, door: Door, /) -> None:
        """Begins to poll, or mounts the webhook and tells Telegram where it is."""
        if self._options.webhook is None:
            from channels.telegram.polling import Polling

            self._ear = Polling(self._options, self._api, door)
        else:
            from channels.telegram.webhook import Webhook

            self._ear = hook = Webhook(self._options, self._secret, self._api, door)
            hook.mount()
        self._ear.start()

    async def close(self) -> None:
        if self._ear is not None:
            await self._ear.stop()
        if self._made is not None:
            await asyncio.shield(self._made.close())

    @property
    def trouble(self) -> str | None:
        """Why nothing is heard, or None."""
        return None if self._ear is None else self._ear.trouble

    async def send(self, outbound: OutboundMessage, /) -> SendResult:
        return await self._api.send(outbound)

    async def fetch(self, account: str, ref: Mapping[str, Any], /) -> File:
        """The file with ``ref["file_id"]``.

        Raises:
            Temporary: not just now.
            Permanent: it is gone, or larger than a bot may fetch (20 MB).
        """
        del account
        return await self._api.fetch(str(ref["file_id"]))

    def ready(self) -> str | None:
        return None


def create(options: Mapping[str, Any], secret: bytes) -> TelegramChannel:
    """The channel with these options; ``secret`` makes the webhook's own.

    Raises:
        pydantic.ValidationError: an option is wrong.
    """
    return TelegramChannel(Options.model_validate(dict(options)), secret)
