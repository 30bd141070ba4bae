"""WeCom's API: how a company logs in, and how what came is read."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from channels.tencent.client import Client
from channels.wecom.options import Options
from channels.wecom.refusals import BAD_NOTICE, MEANINGS
from models.platform_api import OutcomeUnknown, Refused

PAGE = 500
"""Messages that are asked for at once; WeCom gives a thousand at most."""

_MAX_PAGE_BYTES = 16 * 1024 * 1024


class Page(NamedTuple):
    """A page of what came to an account: ``cursor`` is where the next one begins."""

    messages: Sequence[Mapping[str, Any]]
    cursor: str
    more: bool


class WecomClient(Client):
    """A company's calls."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(options.base_url, options.timeout_seconds, MEANINGS, clock)
        self._login = {
            "corpid": options.corp_id,
            "corpsecret": options.secret.get_secret_value(),
        }

    async def log_in(self) -> dict[str, Any]:
        """``gettoken`` gives the same token again while it is good."""
        return await self.told("GET", "gettoken", self._login)

    async def page(self, open_kfid: str, cursor: str, notice: str) -> Page:
        """What came to an account behind ``cursor``; “” begins three days ago.

        ``notice`` is the token of a notification, good for ten minutes: without one WeCom
        answers only now and then.

        Raises:
            RequestFailed: it is not given.
        """
        asked: dict[str, Any] = {"open_kfid": open_kfid, "limit": PAGE}
        if cursor:
            asked["cursor"] = cursor
        if notice:
            asked["token"] = notice
        try:
            told = await self._page(asked)
        except Refused as error:
            if not notice or error.code not in BAD_NOTICE:
                raise
            del asked["token"]
            told = await self._page(asked)
        found, behind = told.get("msg_list"), told.get("next_cursor")
        if "errcode" not in told or not isinstance(found, list | None):
            raise OutcomeUnknown("no msg_list")
        messages = [one for one in found or () if isinstance(one, dict)]
        # Pages may be empty, and more follow all the same.
        return Page(messages, str(behind or cursor), bool(told.get("has_more")) and bool(behind))

    async def _page(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        body = json.dumps(asked).encode()
        return await self.post("kf/sync_msg", lambda: body, most=_MAX_PAGE_BYTES)
