"""The SMTP server: ``python -m bench.naive.receive PORT``. Stores, queues, says 250."""

import signal
import sys
import time
from typing import Any

from aiosmtpd.controller import Controller

from bench.naive.storage import connection
from bench.naive.tasks import process


class Handler:
    """One durable transaction and one job a mail."""

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        db = connection()
        with db:
            stored = db.execute(
                "INSERT INTO mail (mail_from, content, received_at) VALUES (?, ?, ?)",
                (envelope.mail_from, envelope.content, time.time()),
            )
        process.send(stored.lastrowid)
        return "250 OK"


def main() -> None:
    controller = Controller(Handler(), hostname="127.0.0.1", port=int(sys.argv[1]))
    controller.start()
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
    controller.stop()


if __name__ == "__main__":
    main()
