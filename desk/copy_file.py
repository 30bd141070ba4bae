"""A copy of what is kept of a customer, as one ZIP: for programs, for people, and the files."""

import asyncio
import json
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from html import escape
from typing import IO, Any
from urllib.parse import quote

from models.errors import NotFound
from models.store.ground.blobs import Blobs
from models.store.privacy.copies import Copy
from models.ticket import STATE_NAMES, TicketState

FORMAT = 1
"""Of ``data.json``: another one where a field changes its meaning."""


async def write_copy(copy: Copy, blobs: Blobs, zone: tzinfo, to: IO[bytes]) -> None:
    """``data.json`` (UTF-8, times as RFC 3339 in UTC), ``index.html`` and ``files/``.

    A file whose content is gone is left out; ``data.json`` still names it.

    Raises:
        Temporary: a file is out of reach now.
    """
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        await asyncio.to_thread(_write_words, copy, zone, archive)
        for path, sha256 in copy.files.items():
            try:
                content = await blobs.get(sha256)
            except NotFound:
                continue
            # Most are packed already.
            await asyncio.to_thread(archive.writestr, path, content, zipfile.ZIP_STORED)


def _write_words(copy: Copy, zone: tzinfo, archive: zipfile.ZipFile) -> None:
    """All that is written of a customer may be megabytes: to put them in order takes seconds."""
    archive.writestr("data.json", json.dumps(_data(copy), ensure_ascii=False, indent=1))
    archive.writestr("index.html", page(copy, zone))


def _data(copy: Copy) -> dict[str, Any]:
    whole = {
        "format": FORMAT,
        "made_at": copy.made_at,
        "identities": copy.identities,
        "tickets": copy.tickets,
        "conversations": copy.conversations,
    }
    told = _timed(whole)
    assert isinstance(told, dict)
    return told


def _timed(value: Any) -> Any:
    """With its times as people and programs of any language read them."""
    if isinstance(value, Mapping):
        return {
            name: _moment(one)
            if isinstance(one, float) and (name == "at" or name.endswith("_at"))
            else _timed(one)
            for name, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_timed(one) for one in value]
    return value


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


_HEAD = """<!doctype html>
<html lang="zh"><meta charset="utf-8"><title>个人信息副本 / Copy of personal data</title>
<meta name="viewport" content="width=device-width">
<style>body{font:16px/1.6 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;
color:#1f2328;background:#fff}h2{margin-top:2.5rem;border-bottom:1px solid #d0d7de}
small{color:#57606a}.said{white-space:pre-wrap;overflow-wrap:anywhere;margin:.2rem 0 1rem;
padding:.6rem .8rem;border-radius:.5rem;background:#f6f8fa}.us{background:#e8f1fc}
dt{color:#57606a}dd{margin:0 0 .4rem}</style>
"""


def page(copy: Copy, zone: tzinfo) -> str:
    """The same to read, Chinese first; without a script, and nothing in it is fetched."""

    def when(at: float) -> str:
        return f"{datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M}"

    parts = [_HEAD, "<h1>个人信息副本 / Copy of personal data</h1>"]
    parts.append(f"<p><small>{when(copy.made_at)} · data.json, files/</small></p>")
    parts.append("<h2>身份 / Identities</h2>")
    for one in copy.identities:
        named = ((_FIELDS[name], one.get(name)) for name in _FIELDS)
        parts.append(_pairs((label, value) for label, value in named if value))
    parts.append("<h2>工单 / Tickets</h2>")
    parts += [_ticket(one, when) for one in copy.tickets]
    parts.append("<h2>往来 / Conversations</h2>")
    for talk in copy.conversations:
        parts.append(f"<h3>{escape(talk['channel'])} · {when(talk['created_at'])}</h3>")
        parts += [_line(line, when) for line in talk["lines"]]
    return "\n".join([*parts, "</html>"])


_FIELDS = {
    "channel": "渠道 / Channel",
    "external_id": "标识 / Identifier",
    "name": "姓名 / Name",
    "email": "邮箱 / E-mail",
    "phone": "电话 / Phone",
}


def _pairs(pairs: Iterable[tuple[str, object]]) -> str:
    rows = (f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in pairs)
    return f"<dl>{''.join(rows)}</dl>"


def _ticket(one: Mapping[str, Any], when: Any) -> str:
    state = " / ".join(STATE_NAMES[TicketState(one["state"])])
    labels = "、".join(str(label["value"]) for label in one["labels"].values())
    pairs: list[tuple[str, object]] = [("状态 / State", state), ("标签 / Labels", labels or "–")]
    pairs.append(("受理 / Received", when(one["created_at"])))
    if one["resolved_at"] is not None:
        pairs.append(("解决 / Resolved", when(one["resolved_at"])))
    rated = (asked for asked in one["surveys"] if asked["score"] is not None)
    pairs += [("评价 / Rating", f"{asked['score']}/5 {asked['words']}") for asked in rated]
    if one["complaint"] is not None:
        pairs.append(("投诉事项 / Complaint", one["complaint"]["matter"]))
        pairs.append(("处理结果 / Outcome", one["complaint"]["outcome"]))
    title = f"<h3>{escape(one['number'])} {escape(one['subject'])}</h3>"
    return title + _pairs(pairs)


def _line(line: Mapping[str, Any], when: Any) -> str:
    ours = line["from"] == "us"
    who = "我方 / Us" if ours else "您 / You"
    files = "".join(
        f'<br><a href="{quote(one["path"])}">{escape(one["name"])}</a>'
        if one["path"]
        else f"<br>{escape(one['name'])}"
        for one in line["files"]
    )
    text = escape(line.get("text_full", line["text"]))
    copied = "、".join(escape(address) for address in line.get("cc", ()))
    who += f" · 抄送 / Cc: {copied}" if copied else ""
    return (
        f"<small>{who} · {when(line['at'])}</small>"
        f'<div class="said{" us" if ours else ""}">{text}{files}</div>'
    )
