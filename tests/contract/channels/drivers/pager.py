"""The channel that somebody else wrote, driven."""

from collections.abc import Mapping
from typing import Any, ClassVar

from channels import registry
from models.ports import Channel
from tests.contract.channels.house import House
from tests.contract.channels.kit import Driver, Expected, Heard, Tampering, marked
from tests.contract.channels.platform import DROP, Misdeed, Platform

TOKEN = "a pager token that nobody logs"
_HEARD: Mapping[int, Heard] = {204: "acknowledged", 503: "again", 401: "refused"}


class Pager(Driver):
    label = channel = "pager"
    account = "pager"
    payloads = "outside"
    tampering: ClassVar = ("absent", "wrong")
    secrets: ClassVar = (TOKEN,)
    limit = 160

    def create(self, url: str, **options: Any) -> Channel:
        values = {"token": TOKEN, "gateway": f"{url}/send"}
        return registry.create("pager", {**values, **options}, b"")

    async def deliver(
        self, house: House, platform: Platform, number: int, tampering: Tampering = ""
    ) -> Heard:
        token = {"wrong": "x" * len(TOKEN), "absent": ""}.get(tampering, TOKEN)
        page = {"id": str(number), "from": "4711", "text": marked(number)}
        url, headers = f"{house.url}/pager", {"X-Pager": token}
        async with house.http.post(url, json=page, headers=headers) as response:
            return _HEARD[response.status]

    def said(self, platform: Platform) -> list[str]:
        return [str(one.fields["text"]) for one in platform.of("/send")]

    def outcomes(self) -> Mapping[str, Expected]:
        unknown = frozenset({"unknown"})
        return {
            "429": Expected(Misdeed(429, {"Retry-After": "9"}), frozenset({"retry"}), 9.0),
            "500": Expected(Misdeed(500), unknown),
            "dropped": Expected(DROP, unknown),
            "gone": Expected(Misdeed(404), frozenset({"failed"})),
        }
