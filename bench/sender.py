"""An SMTP client in a process of its own, as a mail server that has much to hand over.

    python -m bench.sender --port 2525 --mails 5000 --salt S [--connections 20]

It keeps several connections, sends mail after mail on each, and pipelines (RFC 2920) where the
server offers it. Progress goes to standard output, a JSON object a line: ``begin`` (the first
mail goes out), ``mark`` (each tenth of the mails is accepted), ``end``. Times are seconds since
the epoch.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Iterator

from bench.mailgen import MAILBOX, Mail, mails

CONNECTIONS = 20
"""What Postfix opens to one destination (default_destination_concurrency_limit)."""

_MARKS = 10


class Unexpected(Exception):
    """The server's answer, where it is not the one that a mail needs."""


class Progress:
    """What the server has said so far."""

    def __init__(self, total: int) -> None:
        self.accepted = 0
        self.refused: list[str] = []
        self._total = total

    def accept(self) -> None:
        self.accepted += 1
        if self.accepted * _MARKS % self._total < _MARKS:
            self.say("mark")

    def say(self, event: str) -> None:
        line = {"event": event, "at": time.time(), "accepted": self.accepted}
        print(json.dumps(line | {"refused": self.refused}), flush=True)


class Connection:
    """One session: each mail's final answer is awaited before the next mail begins."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._pipelining = False

    @classmethod
    async def open(cls, host: str, port: int) -> "Connection":
        connection = cls(*await asyncio.open_connection(host, port))
        await connection._expect(220)
        offers = await connection._ask("EHLO sender.example.com", 250)
        connection._pipelining = any(line[4:].strip() == "PIPELINING" for line in offers)
        return connection

    async def send(self, sender: str, content: bytes) -> str:
        """Hands one mail over; returns the server's last word. ``content`` is dot-stuffed.

        Raises:
            Unexpected: it was not taken.
        """
        lines = [f"MAIL FROM:<{sender}>", f"RCPT TO:<{MAILBOX}>", "DATA"]
        if self._pipelining:
            self._writer.write("".join(f"{line}\r\n" for line in lines).encode())
            for code in (250, 250, 354):
                await self._expect(code)
        else:
            for line, code in zip(lines, (250, 250, 354), strict=True):
                await self._ask(line, code)
        self._writer.write(content + b".\r\n")
        return (await self._expect(250))[-1]

    async def close(self) -> None:
        await self._ask("QUIT", 221)
        self._writer.close()
        await self._writer.wait_closed()

    async def _ask(self, line: str, code: int) -> list[str]:
        self._writer.write(f"{line}\r\n".encode())
        return await self._expect(code)

    async def _expect(self, code: int) -> list[str]:
        answer = [(await self._reader.readline()).decode().rstrip()]
        while answer[-1][3:4] == "-":
            answer.append((await self._reader.readline()).decode().rstrip())
        if not answer[-1].startswith(str(code)):
            raise Unexpected(answer[-1])
        return answer


def stuffed(mail: Mail) -> bytes:
    """The content as DATA wants it (RFC 5321 §4.5.2)."""
    content = mail.content.replace(b"\r\n.", b"\r\n..")
    return content if content.endswith(b"\r\n") else content + b"\r\n"


async def _work(host: str, port: int, left: Iterator[tuple[str, bytes]], so_far: Progress) -> None:
    connection = await Connection.open(host, port)
    for sender, content in left:
        try:
            await connection.send(sender, content)
        except Unexpected as answer:
            so_far.refused.append(str(answer))
        else:
            so_far.accept()
    await connection.close()


async def flood(host: str, port: int, count: int, salt: str, leave_out: str, width: int) -> None:
    """Sends ``count`` mails over ``width`` connections, and tells of it."""
    made = mails(count, salt=salt, without_domain=leave_out)
    ready = iter([(mail.sender, stuffed(mail)) for mail in made])
    so_far = Progress(count)
    so_far.say("begin")
    async with asyncio.TaskGroup() as group:
        for _ in range(min(width, count)):
            group.create_task(_work(host, port, ready, so_far))
    so_far.say("end")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mails", type=int, default=5000)
    parser.add_argument("--salt", default="flood")
    parser.add_argument("--leave-out", default="", help="domain that no mail is about")
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    asked = parser.parse_args()
    asyncio.run(
        flood(asked.host, asked.port, asked.mails, asked.salt, asked.leave_out, asked.connections)
    )


if __name__ == "__main__":
    main()
