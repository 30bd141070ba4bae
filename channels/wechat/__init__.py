"""WeChat Official Accounts (微信公众号): messages are posted to us, answers go by the API."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from channels.wechat.options import MUTE, Options
from models.message import Envelope, File, Lane, Normalized, OutboundMessage, SendResult
from models.ports import Door

if TYPE_CHECKING:
    from channels.wechat.api import Api

__all__ = ["Options", "WechatChannel", "create"]


class WechatChannel:
    """One account. Implements ``models.ports``: ``Channel``, ``Fetches``, ``Counts``."""

    name = "wechat"
    lane = Lane.LIVE
    isolated = False
    repeatable = False

    def __init__(self, options: Options) -> None:
        self._options = options

    @cached_property
    def _api(self) -> "Api":
        from channels.wechat.api import Api

        return Api(self._options)

    def normalize(self, envelope: Envelope, /) -> list[Normalized]:
        from channels.wechat.reading import read

        return read(envelope)

    async def open(self, door: Door, /) -> None:
        """Mounts the address that WeChat posts to."""
        # Only the process that receives needs the server's half.
        from channels.wechat.door import Callback

        Callback(self._options, door).mount()

    async def close(self) -> None:
        """Nothing runs between two requests."""

    async def send(self, outbound: OutboundMessage, /) -> SendResult:
        return await self._api.send(outbound)

    async def fetch(self, account: str, ref: Mapping[str, Any], /) -> File:
        """The file with ``ref["media_id"]``; WeChat keeps it for three days.

        Raises:
            Temporary: not just now.
            Permanent: it is gone, too large, or kept by somebody else.
        """
        del account
        return await self._api.fetch(str(ref["media_id"]))

    def takes(self, text: str, files: int, /) -> int:
        """How many messages an answer is: WeChat counts five to each of the customer's."""
        from channels.tencent.sending import in_parts

        return len(in_parts(text)) + files

    def ready(self) -> str | None:
        return MUTE if self._options.app_secret is None else None


def create(options: Mapping[str, Any], secret: bytes) -> WechatChannel:
    """The channel with these options; WeChat's own secrets are all it needs.

    Raises:
        pydantic.ValidationError: an option is wrong.
    """
    del secret
    return WechatChannel(Options.model_validate(dict(options)))
