"""The signed HTTP door: the caller is its own platform."""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from channels import ingest
from models.ports import Channel
from tests.contract.channels.house import House
from tests.contract.channels.kit import SECRET, Driver, Expected, Heard, Tampering, marked
from tests.contract.channels.platform import DROP, SLOW, Asked, Misdeed, Platform

KEY = "an ingest secret that nobody logs"
_HEARD: Mapping[int, Heard] = {202: "acknowledged", 503: "again", 400: "refused", 401: "refused"}


class Ingest(Driver):
    label = channel = "ingest"
    account = "form"
    secrets: ClassVar = (KEY,)
    limit = 70

    def create(self, url: str, **options: Any) -> Channel:
        source = {"secrets": [KEY], "webhook": f"{url}/hook", "part_chars": 70}
        values = {"sources": {"form": source}, "webhook_seconds": 2.0}
        return ingest.create({**values, **options}, SECRET)

    async def deliver(
        self, house: House, platform: Platform, number: int, tampering: Tampering = ""
    ) -> Heard:
        at = datetime.fromtimestamp(1764036000 + number, UTC).isoformat()
        said = {"sender": {"id": "wang"}, "text": marked(number), "sent_at": at}
        raw, key = json.dumps(said).encode(), f"message-{number:04}"
        now = str(int(time.time()) - (301 if tampering == "old" else 0))
        secret = b"a wrong secret" if tampering == "wrong" else KEY.encode()
        mac = hmac.new(secret, f"{now}.{key}.".encode() + raw, hashlib.sha256).hexdigest()
        headers = {"Shouli-Source": "form", "Shouli-Timestamp": now, "Idempotency-Key": key}
        if tampering != "absent":
            headers["Shouli-Signature"] = f"v1={mac}"
        url = f"{house.url}/v1/messages"
        async with house.http.post(url, data=raw, headers=headers) as response:
            return _HEARD[response.status]

    def answers(self, asked: Asked) -> Any:
        now, key = asked.headers["Shouli-Timestamp"], asked.headers["Idempotency-Key"]
        signed = hmac.new(KEY.encode(), f"{now}.{key}.".encode() + asked.raw, hashlib.sha256)
        assert asked.headers["Shouli-Signature"] == f"v1={signed.hexdigest()}"
        return {}

    def said(self, platform: Platform) -> list[str]:
        return [part for one in platform.of("/hook") for part in one.fields["parts"]]

    def outcomes(self) -> Mapping[str, Expected]:
        again = frozenset({"retry"})  # the receiver knows the key: asking twice is no harm
        return {
            "429": Expected(Misdeed(429, {"Retry-After": "70"}), again, 70.0),
            "500": Expected(Misdeed(500), again, 1.0),
            "dropped": Expected(DROP, again, 1.0),
            "slow": Expected(SLOW, frozenset({"sent", "retry"})),
            "moved": Expected(Misdeed(302, {"Location": "/else"}), frozenset({"failed"})),
            "gone": Expected(Misdeed(410), frozenset({"failed"})),
        }
