"""WeCom Customer Service (企业微信的微信客服): customers write from WeChat."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from channels.wecom.options import Options
from models.message import Envelope, File, Lane, Normalized, OutboundMessage, SendResult
from models.ports import Door

if TYPE_CHECKING:
    from channels.wecom.api import Api
    from channels.wecom.syncing import Syncing

__all__ = ["Options", "WecomChannel", "create"]


class WecomChannel:
    """The service accounts of one company.

    Implements ``models.ports``: ``Channel``, ``Fetches``, ``Counts``, ``OffersChoices``,
    ``Troubled``.
    """

    name = "wecom"
    lane = Lane.LIVE
    isolated = False
    repeatable = False
    """Messages carry a number of ours, but WeCom does not promise to know one again."""

    offers_choices = True
    original_ending = "json"

    def __init__(self, options: Options) -> None:
        self._options = options
        self._syncing: Syncing | None = None

    @cached_property
    def _api(self) -> "Api":
        from channels.wecom.api import Api

        return Api(self._options)

    def normalize(self, envelope: Envelope, /) -> list[Normalized]:
        from channels.wecom.reading import read

        return read(envelope)

    async def open(self, door: Door, /) -> None:
        """Mounts the address that WeCom rings at, and reads what has come meanwhile."""
        # Only the process that receives needs these halves.
        from channels.wecom.client import WecomClient
        from channels.wecom.door import Callback
        from channels.wecom.syncing import Syncing

        self._syncing = Syncing(self._options, WecomClient(self._options), door)
        Callback(self._options, door, self._syncing).mount()
        self._syncing.start()

    async def close(self) -> None:
        if self._syncing is not None:
            await self._syncing.stop()

    @property
    def trouble(self) -> str | None:
        """Why nothing is heard, or None."""
        return None if self._syncing is None else self._syncing.trouble

    async def send(self, outbound: OutboundMessage, /) -> SendResult:
        return await self._api.send(outbound)

    async def fetch(self, account: str, ref: Mapping[str, Any], /) -> File:
        """The file with ``ref["media_id"]``; WeCom keeps it for three days.

        Raises:
            Temporary: not just now.
            Permanent: it is gone, or too large.
        """
        del account
        return await self._api.fetch(str(ref["media_id"]), named=bool(ref.get("named")))

    def takes(self, text: str, files: int, /) -> int:
        """How many messages an answer is: five may follow each of the customer's."""
        from channels.tencent.sending import in_parts

        return len(in_parts(text)) + files

    def ready(self) -> str | None:
        return None


def create(options: Mapping[str, Any], secret: bytes) -> WecomChannel:
    """The channel with these options; WeCom's own secrets are all it needs.

    Raises:
        pydantic.ValidationError: an option is wrong.
    """
    del secret
    return WecomChannel(Options.model_validate(dict(options)))
