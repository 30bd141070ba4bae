"""Feishu (Lark): direct messages to the app's bot, and groups that it is in."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from channels.feishu.options import Options
from models.message import Envelope, File, Lane, Normalized, OutboundMessage, SendResult
from models.ports import Door

if TYPE_CHECKING:
    from channels.feishu.api import Api

__all__ = ["FeishuChannel", "Options", "create"]


class FeishuChannel:
    """One app of one company. Implements ``Channel``, ``Fetches`` and ``OffersChoices``."""

    name = "feishu"
    lane = Lane.LIVE
    isolated = False
    original_ending = "json"
    repeatable = False
    """Feishu knows an answer again for an hour only, which ``Api`` makes use of by itself."""

    offers_choices = True

    def __init__(self, options: Options) -> None:
        self._options = options

    @cached_property
    def _api(self) -> "Api":
        from channels.feishu.api import Api

        return Api(self._options)

    def normalize(self, envelope: Envelope, /) -> list[Normalized]:
        from channels.feishu.reading import read

        return read(envelope, self._options.bot_name)

    async def open(self, door: Door, /) -> None:
        """Mounts the events' route."""
        from channels.feishu.events import Events

        Events(self._options, door).mount()

    async def close(self) -> None:
        """Nothing runs between two requests."""

    async def send(self, outbound: OutboundMessage, /) -> SendResult:
        return await self._api.send(outbound)

    async def fetch(self, account: str, ref: Mapping[str, Any], /) -> File:
        """The file ``ref["key"]`` of the message ``ref["message"]``.

        Raises:
            Temporary: not just now.
            Permanent: it is gone, too large, or none that an app may fetch.
        """
        del account
        return await self._api.fetch(str(ref["message"]), str(ref["key"]), str(ref["type"]))

    def ready(self) -> str | None:
        return None


def create(options: Mapping[str, Any], secret: bytes) -> FeishuChannel:
    """The channel with these options; Feishu's own secrets are all it needs.

    Raises:
        pydantic.ValidationError: an option is wrong.
    """
    del secret
    return FeishuChannel(Options.model_validate(dict(options)))
