"""Chat on a web page: a widget, a WebSocket, and long polling where sockets do not pass."""

from collections.abc import Mapping
from typing import Any

from channels.webchat.channel import WebchatChannel
from channels.webchat.options import Options
from models.ports import Channel

__all__ = ["Options", "create"]


def create(options: Mapping[str, Any], secret: bytes) -> Channel:
    """The channel with these options; ``secret`` signs the visitors' tokens.

    Raises:
        pydantic.ValidationError: an option is wrong.
    """
    return WebchatChannel(Options.model_validate(options), secret)
