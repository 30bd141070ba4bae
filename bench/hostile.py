"""Chats while the costliest mails come in: do people wait for what machines send?

    python -m bench.hostile [--chats 60] [--json FILE]

Sends the mails of ``MAILS`` over and over to the SMTP port of ``shouli run`` with its defaults,
and meanwhile chats one after the other. Exit status 1 if the p95 from a chat's acknowledgement
to its agent's desk is over 300 ms, if a mail is answered by neither 250 nor 552, or if one that
was taken has no ticket in the end.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import smtplib
import sys
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from bench import doors
from bench.latency import CAPACITY, SKILLS, chats
from bench.systems import CORES, ROOT, Shouli, shouli, use_cores

BAR_MS = 300.0
_PATIENCE_SECONDS = 120.0

_HEAD = b"From: a@b.example\r\nMIME-Version: 1.0\r\n"


def _nested(depth: int) -> bytes:
    opening = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n)
        for n in range(depth)
    )
    return _HEAD + opening + b"\r\nend\r\n"


def _parts(count: int) -> bytes:
    return (
        _HEAD
        + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
        + (b"--b\r\n\r\nx\r\n" * count + b"--b--\r\n")
    )


def _html(source: bytes) -> bytes:
    return _HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + source


MAILS = {
    "100,000 headers": b"".join(b"X-%d: y\r\n" % n for n in range(100_000)) + b"\r\nx",
    "a header of 20 MB": b"Subject: " + b"x" * 20_000_000 + b"\r\n\r\nx",
    "200,000 parts": _parts(200_000),
    "nested 2,000 deep": _nested(2_000),
    "a line of 24 MB": _HEAD + b"\r\n" + b"x" * 24_000_000,
    "16 KB of ;": _HEAD + b"Content-Type: text/plain" + b";" * 16_384 + b"\r\n\r\nx",
    "5 MB of HTML": _html(b"<p>hello <b>world</b></p>" * 210_000),
    "5 MB of open tags": _html(b"<div>" * 1_000_000),
    "5 MB of attributes": _html(b"<a " + b"x=y " * 1_250_000 + b">"),
    "5 MB of <": _html(b"<" * 5_000_000),
    "5 MB of entities": _html(b"&lt;" * 1_250_000),
    "many encoded words": b"Subject: " + b"=?utf-8?q?a?= " * 1_100 + b"\r\n" + _HEAD + b"\r\nx",
    "many addresses": b"To: " + b"a@b.example, " * 4_900 + b"\r\n" + _HEAD + b"\r\nx",
    "brackets": b"From: " + b"(" * 16_000 + b"\r\nTo: " + b"<" * 16_000 + b"\r\n\r\nx",
    "false boundaries": _HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    + b"--bx\r\n" * 1_000_000,
    "20 MB of base64": _HEAD
    + b"Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + (b"QUJD" * 19 + b"\r\n") * 256_000,
    "quoted-printable": _HEAD
    + b"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    + b"=E4=BD=A0=\r\n" * 800_000,
    "5 MB of quotation": _HEAD + b"\r\n" + b"> \r\n" * 1_250_000,
}  # fmt: skip


def _send(port: int, stop: Event, said: Any) -> None:
    """In a process of its own: what it costs to send is not what it costs to receive."""
    number = 0
    while not stop.is_set():
        name = list(MAILS)[number % len(MAILS)]
        number += 1
        # Each time another mail, or it would be known.
        raw = MAILS[name] + b"\r\n%d\r\n" % number
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as smtp:
            smtp.ehlo()
            smtp.mail(f"hostile{number}@customer.example")
            smtp.rcpt("support@localhost")
            code, words = smtp.data(raw)
        said.put((name, code, words.decode(errors="replace")))
    said.put(None)


async def _measure(system: Shouli, count: int) -> Any:
    async with doors.desk(system) as desk:
        return await chats(system, desk, count)


def _lost(system: Shouli, envelopes: list[str]) -> int:
    until = time.monotonic() + _PATIENCE_SECONDS
    while (lost := sum(not system.conversation(one) for one in envelopes)) > 0:
        if time.monotonic() > until:
            break
        time.sleep(0.5)
    return lost


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--chats", type=int, default=60)
    parser.add_argument("--home", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--json", type=Path, help="also writes everything to this file")
    asked = parser.parse_args()
    use_cores(CORES)
    asked.home.mkdir(parents=True, exist_ok=True)
    stop = multiprocessing.Event()
    said: multiprocessing.Queue[Any] = multiprocessing.Queue()
    with shouli(asked.home, SKILLS, CAPACITY) as system:
        sending = multiprocessing.Process(target=_send, args=(system.smtp_port, stop, said))
        sending.start()
        waits = asyncio.run(_measure(system, asked.chats))
        stop.set()
        replies = list(iter(said.get, None))
        sending.join()
        taken = [words.split()[-1] for _, code, words in replies if code == 250]
        lost = _lost(system, taken)
    odd = [f"{name}: {code} {words}" for name, code, words in replies if code not in {250, 552}]
    met = waits.p95 <= BAR_MS and not odd and not lost and len(replies) >= len(MAILS)
    print(
        f"chat among hostile mail: p50 {waits.p50:.0f} ms, p95 {waits.p95:.0f} ms "
        f"(bar {BAR_MS:.0f}), worst {waits.worst:.0f} ms; {waits.count} chats, "
        f"{waits.missing} missing; {len(replies)} mails, {len(taken)} taken, {lost} without ticket"
    )
    print(*odd, f"load {os.getloadavg()[0]:.1f}", sep="\n")
    print("bar met" if met else "BAR MISSED")
    if asked.json:
        asked.json.write_text(
            json.dumps(waits._asdict() | {"mails": len(replies), "lost": lost, "met": met})
        )
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
