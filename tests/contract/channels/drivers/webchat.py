"""The chat on a web page: a visitor's client that sends again what was not acknowledged."""

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from channels import webchat
from models.ports import Channel
from tests.contract.channels.house import House
from tests.contract.channels.kit import SECRET, Driver, Heard, Tampering, marked
from tests.contract.channels.platform import Platform

_HEARD: Mapping[int, Heard] = {200: "acknowledged", 503: "again", 401: "refused"}


class Webchat(Driver):
    label = channel = "webchat"
    account = "web"
    absent: ClassVar = {
        "attachment": "this client sends text",
        "reply": "a visitor talks to the whole conversation",
        "edit": "visitors cannot change what they said",
        "delete": "visitors cannot take back what they said",
    }
    tampering: ClassVar = ("absent", "wrong")
    orders: ClassVar = False  # one client sends one message at a time
    voice = "tests/contract/webchat/test_socket.py"

    def __init__(self) -> None:
        self._token = ""

    def create(self, url: str, **options: Any) -> Channel:
        self._token = ""
        return webchat.create(options, SECRET)

    async def deliver(
        self, house: House, platform: Platform, number: int, tampering: Tampering = ""
    ) -> Heard:
        origin = {"Origin": house.url}
        if not self._token:
            url = f"{house.url}/webchat/session"
            async with house.http.post(url, json={"type": "hello"}, headers=origin) as response:
                self._token = (await response.json())["token"]
        token = self._token[:-2] + "AA" if tampering == "wrong" else self._token
        client_id = str(uuid.uuid5(uuid.NAMESPACE_DNS, str(number)))
        said = {"type": "msg", "client_id": client_id, "text": marked(number)}
        proof = {} if tampering == "absent" else {"Authorization": f"Bearer {token}"}
        url = f"{house.url}/webchat/messages"
        async with house.http.post(url, json=said, headers=origin | proof) as response:
            return _HEARD[response.status]
