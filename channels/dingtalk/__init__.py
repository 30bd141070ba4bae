"""DingTalk (钉钉): words to the robot of a company's own app, in direct chats and in groups."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from channels.dingtalk.options import Options
from models.message import Envelope, File, Lane, Normalized, OutboundMessage, SendResult
from models.ports import Door

if TYPE_CHECKING:
    from channels.dingtalk.api import Api
    from channels.dingtalk.stream import Stream

__all__ = ["DingtalkChannel", "Options", "create"]


class DingtalkChannel:
    """One app of one company. Implements ``Channel`` and ``Fetches``."""

    name = "dingtalk"
    lane = Lane.LIVE
    isolated = False
    repeatable = False
    """A robot's messages carry no number of ours: one that is sent twice is shown twice."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._stream: Stream | None = None

    @cached_property
    def _api(self) -> "Api":
        from channels.dingtalk.api import Api

        return Api(self._options)

    def normalize(self, envelope: Envelope, /) -> list[Normalized]:
        from channels.dingtalk.reading import read

        return read(envelope, self._options.bot_name)

    async def open(self, door: Door, /) -> None:
        """Opens the line to DingTalk, or the address that it posts to."""
        if self._options.receive == "http":
            from channels.dingtalk.door import Posts

            Posts(self._options, door).mount()
            return
        from channels.dingtalk.stream import Stream

        self._stream = Stream(self._options, door)
        self._stream.start()

    async def close(self) -> None:
        if self._stream is not None:
            await self._stream.stop()

    @property
    def trouble(self) -> str | None:
        """Why nothing is heard, or None."""
        return None if self._stream is None else self._stream.trouble

    async def send(self, outbound: OutboundMessage, /) -> SendResult:
        return await self._api.send(outbound)

    async def fetch(self, account: str, ref: Mapping[str, Any], /) -> File:
        """The file that DingTalk gives for ``ref["code"]``.

        Raises:
            Temporary: not just now.
            Permanent: its code is over, or it is too large.
        """
        del account
        return await self._api.fetch(str(ref["code"]))

    def ready(self) -> str | None:
        return None


def create(options: Mapping[str, Any], secret: bytes) -> DingtalkChannel:
    """The channel with these options; DingTalk's own secrets are all it needs.

    Raises:
        pydantic.ValidationError: an option is wrong.
    """
    del secret
    return DingtalkChannel(Options.model_validate(dict(options)))
