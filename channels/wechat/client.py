"""How an account logs in to WeChat's API."""

import json
import time
from collections.abc import Callable
from typing import Any

from channels.tencent.client import Client
from channels.wechat.options import MUTE, Options
from channels.wechat.refusals import MEANINGS
from models.platform_api import TokenUnavailable


class WechatClient(Client):
    """An account's calls."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(options.base_url, options.timeout_seconds, MEANINGS, clock)
        self._options = options

    async def log_in(self) -> dict[str, Any]:
        """``stable_token`` gives all who ask the same one."""
        secret = self._options.app_secret
        if secret is None:
            raise TokenUnavailable(MUTE, bad_credentials=True)
        asked = {
            "grant_type": "client_credential",
            "appid": self._options.appid,
            "secret": secret.get_secret_value(),
        }
        return await self.told("POST", "stable_token", {}, json.dumps(asked).encode())
