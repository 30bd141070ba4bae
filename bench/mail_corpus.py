"""Reads every mail in a folder and says what it cost and what a reader would miss.

    python -m bench.mail_corpus FOLDER [--show] [--slowest N]

A mail is a file with the ending .eml, or any whose beginning looks like a header. The folder is
only read. Exit status 1 if anything but ``Permanent`` is raised, a mail costs over 2 s of CPU,
or the median is over 50 ms.
"""

import argparse
import hashlib
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from channels.email.mime import Reader
from channels.email.options import Options
from channels.email.thread import Threads
from models.errors import Permanent
from models.message import Envelope, InboundMessage, Lane

MEDIAN_LIMIT = 0.050
MAX_LIMIT = 2.0
_HEADER = re.compile(rb"\s*(?:From |[A-Za-z][A-Za-z-]{1,40}:[ \t\r\n])")


class Outcome(NamedTuple):
    path: Path
    seconds: float
    """CPU time of this process."""
    message: InboundMessage | None
    error: str
    fault: bool


def mails(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and (path.suffix == ".eml" or _looks_like_mail(path)):
            yield path


def _looks_like_mail(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(400)
    return path.suffix not in {".txt", ".md"} and _HEADER.match(head) is not None


def read(reader: Reader, path: Path) -> Outcome:
    body = path.read_bytes()
    digest = hashlib.sha256(body).hexdigest()
    envelope = Envelope(digest, "email", "support", digest, body, 1_700_000_000.0, Lane.MAIL)
    start = time.process_time()
    message, error, fault = None, "", False
    try:
        message = reader.read(envelope).message
    except Permanent as refusal:
        error = str(refusal)
    except Exception as exception:  # noqa: BLE001 - the benchmark reports faults, all of them
        error, fault = f"{type(exception).__name__}: {exception}", True
    return Outcome(path, time.process_time() - start, message, error, fault)


def report(outcomes: list[Outcome], slowest: int) -> bool:
    times = [outcome.seconds for outcome in outcomes]
    p99 = quantiles(times, n=100)[98] if len(times) > 1 else times[0]
    print(f"mails {len(outcomes)}")
    print(
        f"CPU: median {median(times) * 1e3:.2f} ms, p99 {p99 * 1e3:.2f} ms, "
        f"max {max(times) * 1e3:.2f} ms"
    )
    faults = [outcome for outcome in outcomes if outcome.fault]
    _list("faults", faults)
    _list("to triage, over a limit", [o for o in outcomes if o.error and not o.fault])
    read_mails = [(o, o.message) for o in outcomes if o.message is not None]
    _list(
        "no text (attachments in brackets)",
        [
            o._replace(error=str([a.name for a in m.attachments]))
            for o, m in read_mails
            if not m.text.strip()
        ],
    )
    _list("U+FFFD", [o for o, m in read_mails if "\ufffd" in m.text_full + m.subject])
    ordered = sorted(outcomes, key=lambda outcome: -outcome.seconds)
    _list("slowest", [o._replace(error=f"{o.seconds * 1e3:.1f} ms") for o in ordered[:slowest]])
    return not faults and max(times) <= MAX_LIMIT and median(times) <= MEDIAN_LIMIT


def _list(title: str, outcomes: list[Outcome]) -> None:
    print(f"{title}: {len(outcomes)}")
    for outcome in outcomes:
        print(f"  {outcome.path.name}  {outcome.error[:150]}")


def show(outcome: Outcome) -> None:
    print("=" * 20, outcome.path.name, outcome.error)
    if outcome.message is None:
        return
    message = outcome.message
    print(
        f"subject {message.subject!r}\nfrom {message.sender.name!r} {message.sender.email!r}"
        f" auto={message.auto} lang={message.lang} sent={message.sent_at}"
    )
    print("files", [(a.name, a.mime, a.size, a.inline_cid) for a in message.attachments])
    print(f"html {len(message.html or '')}, meta {message.meta}")
    print(message.text[:800])
    if len(message.text_full) != len(message.text):
        print("-- cut:", repr(message.text_full[message.meta["cut"][1] :][:200]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--show", action="store_true", help="print what a reader would see")
    parser.add_argument("--slowest", type=int, default=3, help="how many slow mails to name")
    arguments = parser.parse_args()
    reader = Reader(Options.model_validate({}), Threads(b"benchmark"))
    outcomes = [read(reader, path) for path in mails(arguments.folder)]
    if not outcomes:
        print(f"no mails in {arguments.folder}")
        return 1
    if arguments.show:
        for outcome in outcomes:
            show(outcome)
    return 0 if report(outcomes, arguments.slowest) else 1


if __name__ == "__main__":
    sys.exit(main())
