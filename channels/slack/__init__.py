"""Slack: threads in channels, and direct messages to the app."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from channels.slack.options import Options
from models.message import Envelope, File, Lane, Normalized, OutboundMessage, SendResult
from models.ports import Door

if TYPE_CHECKING:
    from channels.slack.api import Api
    from channels.slack.backfill import Backfill
    from channels.slack.sockets import Sockets

__all__ = ["Options", "SlackChannel", "create"]


class SlackChannel:
    """One app in one workspace. Implements ``Channel``, ``Fetches`` and ``OffersChoices``.

    The libraries are imported where they are first used.
    """

    name = "slack"
    lane = Lane.LIVE
    isolated = False
    original_ending = "json"
    repeatable = False
    offers_choices = True

    def __init__(self, options: Options) -> None:
        self._options = options
        self._sockets: Sockets | None = None
        self._backfill: Backfill | None = None

    @cached_property
    def _api(self) -> "Api":
        from channels.slack.api import Api

        return Api(self._options)

    def normalize(self, envelope: Envelope, /) -> list[Normalized]:
        from channels.slack.reading import read

        return read(envelope, mentions_only=self._options.listen == "mentions")

    async def open(self, door: Door, /) -> None:
        """Mounts the events' route or connects the socket, and makes up for a gap."""
        from channels.slack.backfill import Backfill

        if self._options.signing_secret is not None:
            from channels.slack.events import Events

            Events(self._options, self._api, door).mount()
        if self._options.app_token is not None:
            from channels.slack.sockets import Sockets

            self._sockets = Sockets(self._options, self._api, door)
            self._sockets.start()
        self._backfill = Backfill(self._options, self._api, door, self._hears)
        self._backfill.start()

    def _hears(self) -> bool:
        """Whether what is said now reaches us."""
        return self._sockets is None or self._sockets.connected

    async def close(self) -> None:
        if self._backfill is not None:
            await self._backfill.stop()
        if self._sockets is not None:
            await self._sockets.stop()

    @property
    def trouble(self) -> str | None:
        """Why nothing is heard, or None."""
        return None if self._sockets is None else self._sockets.trouble

    async def send(self, outbound: OutboundMessage, /) -> SendResult:
        return await self._api.send(outbound)

    async def fetch(self, account: str, ref: Mapping[str, Any], /) -> File:
        """The file at ``ref["url"]``.

        Raises:
            Temporary: not just now.
            Permanent: it is gone, too large, or not Slack's.
        """
        del account
        return await self._api.fetch(str(ref["url"]))

    def ready(self) -> str | None:
        return None


def create(options: Mapping[str, Any], secret: bytes) -> SlackChannel:
    """The channel with these options; Slack's own secrets are all it needs.

    Raises:
        pydantic.ValidationError: an option is wrong.
    """
    del secret
    return SlackChannel(Options.model_validate(dict(options)))
