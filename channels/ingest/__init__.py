"""The signed HTTP door: phone systems, web forms, social networks, anything that can POST.

The smallest real channel, and the one to copy: ``docs/adding-a-channel.md`` walks through it.
"""

from collections.abc import Mapping
from typing import Any

from channels.ingest.body import Body
from channels.ingest.options import Options, Source
from channels.ingest.reading import read
from models.message import Envelope, Lane, Normalized, OutboundMessage, SendResult
from models.ports import Door

__all__ = ["SCHEMAS", "IngestChannel", "Options", "Source", "create"]

SCHEMAS: Mapping[str, Any] = {"ingest-message": Body}
"""What outsiders write programs against: published in ``docs/schema``."""


class IngestChannel:
    """A POST a message in, a signed POST an answer out. Implements ``models.ports.Channel``."""

    name = "ingest"
    lane = Lane.LIVE
    isolated = False
    original_ending = "json"
    repeatable = True

    def __init__(self, options: Options, secret: bytes) -> None:
        self._options = options
        self._secret = secret

    def normalize(self, envelope: Envelope, /) -> list[Normalized]:
        return read(envelope, self._options.sources.get(envelope.account))

    async def open(self, door: Door, /) -> None:
        """Mounts the routes."""
        # Only the process that receives needs the server's half.
        from channels.ingest.door import HttpDoor

        HttpDoor(self._options, self._secret, door).mount()

    async def close(self) -> None:
        """Nothing runs between two requests."""

    async def send(self, outbound: OutboundMessage, /) -> SendResult:
        """One signed POST to the source's webhook."""
        from channels.ingest.hook import post

        source = self._options.sources.get(outbound.account)
        if source is None or source.webhook is None:
            return SendResult("failed", error=_NO_WEBHOOK.format(outbound.account))
        return await post(outbound, source, self._options.webhook_seconds)

    def ready(self) -> str | None:
        return None


_NO_WEBHOOK = (
    "来源“{0}”没有设置 webhook，无法送出答复"
    " / Source “{0}” has no webhook, so answers cannot be sent"
)


def create(options: Mapping[str, Any], secret: bytes) -> IngestChannel:
    """The channel with these options; ``secret`` protects the status addresses.

    Raises:
        pydantic.ValidationError: an option is wrong.
    """
    return IngestChannel(Options.model_validate(dict(options)), secret)
