"""What could not be processed: why, as it came, and processing it again."""

import re
from dataclasses import asdict

from aiohttp import web

from desk import bodies, queries
from desk.auth import API, ID, who
from desk.files import download_original
from desk.services import SERVICES, Words
from models.agent import Role
from models.store.intake.envelopes import DIED, Parked

_TOLD = re.compile(r"NotFound: (.+。) / (.+\.)")
"""An error that was written for people, in both languages: a channel that is closed."""

_FAULT = re.compile(r"(\w+): ")
"""How the error of a fault of ours begins: with the class of the exception."""


async def list_parked(request: web.Request) -> web.Response:
    who(request, Role.ADMIN)
    asked = queries.read(request, queries.ParkedPage)
    envelopes = request.app[SERVICES].store.envelopes
    found = await envelopes.parked(asked.limit + 1, asked.after or "")
    page = found[: asked.limit]
    told = [{**asdict(one), "problem": problem(one)._asdict()} for one in page]
    more = page[-1].id if len(found) > len(page) else None
    total = await envelopes.parked_count()
    return web.json_response({"parked": told, "total": total, "next_after": more})


def problem(one: Parked) -> Words:
    """Why it is parked and what to do, for who does not read the program."""
    if one.error == DIED:
        return Words(
            "处理它的进程中途退出了：内存不足，或被强行结束。看过日志、确认内存够用之后，重新处理。",
            "The process that had it ended in the middle: out of memory, or killed. Look at the"
            " log, see that there is memory enough, then replay it.",
        )
    if one.error.startswith("no blob "):
        return Words(
            "它的正文是数据库旁边的一个文件，现在找不到了。请从备份恢复 blobs 目录，再重新处理。",
            "Its body is a file beside the database, which is gone. Restore the folder blobs from"
            " the backup, then replay it.",
        )
    if told := _TOLD.fullmatch(one.error):
        return Words(*told.groups())
    fault = _FAULT.match(one.error)
    name = fault[1] if fault else "?"
    return Words(
        f"程序处理它时出错（{name}），试了 {one.attempts} 次。原文完好；请把下面的技术信息"
        "交给维护的人，修好之后重新处理。",
        f"The program failed on it ({name}), {one.attempts} times. The original is whole: give"
        " the technical line below to who maintains Shouli, and replay it once that is mended.",
    )


async def raw(request: web.Request) -> web.Response:
    """The bytes as they came: what the desk masks elsewhere is in them, so it is written down."""
    person = who(request, Role.ADMIN)
    services = request.app[SERVICES]
    found = await services.store.envelopes.look_into(request.match_info["envelope"], person.id)
    return download_original(services, found, found.id)


async def replay(request: web.Request) -> web.Response:
    person, services = who(request, Role.ADMIN), request.app[SERVICES]
    asked = await bodies.read(request, bodies.Replay)
    count = await services.store.envelopes.replay(asked.ids, person.id)
    for work in ("drain.live", "drain.mail"):
        await services.doorbell.ring(work)
    return web.json_response({"replayed": count})


def routes() -> list[web.RouteDef]:
    return [
        web.get(f"{API}parked", list_parked),
        web.post(f"{API}parked/replay", replay),
        web.get(f"{API}parked/{{envelope:{ID}}}/raw", raw),
    ]
