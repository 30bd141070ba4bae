"""An update as an envelope, whichever way it came."""

import json

from channels.telegram.options import Options
from models.errors import Rejected
from models.ids import uuid7
from models.message import Envelope, Lane


def envelope(options: Options, raw: bytes, now: float) -> Envelope:
    """Reads nothing but the update's number, by which Telegram tells updates apart.

    Raises:
        Rejected: it has none.
    """
    try:
        number = int(json.loads(raw)["update_id"])
    except (ValueError, TypeError, KeyError) as error:
        raise Rejected("no update_id in it") from error
    return Envelope(
        id=uuid7(now),
        channel="telegram",
        account=options.account,
        dedupe_key=str(number),
        body=raw,
        received_at=now,
        lane=Lane.LIVE,
    )
