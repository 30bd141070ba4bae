"""What proves that a request comes from the platform, and is meant for this account of ours."""

from collections.abc import Callable, Sequence

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from pydantic import SecretStr

from channels.tencent.encryption import signed, unseal
from channels.tencent.fields import MAX_BYTES
from models.bodies import Bodies
from models.errors import Rejected
from models.platform_api import TooLarge

_log = structlog.stdlib.get_logger(__name__)


class Unproven(Exception):
    """No signature of the platform, or an old one."""


class Proof:
    """The Token, which signs, and the keys, which seal; ``owner`` is whom a sealed text names."""

    def __init__(
        self, token: SecretStr, keys: Sequence[SecretStr], owner: str, clock: Callable[[], float]
    ) -> None:
        self._token = token.get_secret_value()
        self._keys = tuple(key.get_secret_value() for key in keys)
        self._owner = owner
        self._clock = clock

    def holds(self, request: web.Request, name: str, *more: str) -> bool:
        """Whether the query's ``name`` is the signature of its timestamp and nonce, and more."""
        query = request.query
        given, timestamp, nonce = (query.get(one, "") for one in (name, "timestamp", "nonce"))
        return signed(given, self._clock(), self._token, timestamp, nonce, *more)

    def opened(self, request: web.Request, sealed: str) -> bytes:
        """What is in a sealed text, which the query's ``msg_signature`` signs.

        Raises:
            Unproven: the platform did not send this.
            Rejected: it has another key, or is for somebody else.
        """
        if not sealed or not self.holds(request, "msg_signature", sealed):
            raise Unproven
        for key in self._keys:
            if (plain := unseal(key, sealed, self._owner)) is not None:
                return plain
        _log.error(
            "post not decrypted: compare its owner and encoding_aes_keys", owner=self._owner
        )
        raise Rejected("this is sealed with another key, or for another account")


async def read_body(request: web.Request, bodies: Bodies) -> bytes:
    """All of a post.

    Raises:
        Rejected: it is larger than any of the platform's, or not what its headers say.
        Temporary: more comes in than is held before it is proven.
    """
    try:
        return await bodies.read(request, MAX_BYTES)
    except TooLarge as error:
        raise Rejected("larger than any message of the platform") from error
    except (BadHttpMessage, web.RequestPayloadError) as error:
        raise Rejected("not what its headers say") from error
