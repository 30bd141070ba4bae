"""``shouli rules …``: the versions of the routing rules."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.markup import escape
from rich.table import Table

from config.settings import Settings, load, load_taxonomy
from models.errors import NotFound
from models.routing import Line
from models.store import Store
from models.store.routing.rules import Publication
from router.review import Finding
from workers.commands.options import ConfigOption, Group, JsonOption
from workers.commands.rehearsing import (
    Asked,
    DaysOption,
    PictureOption,
    SkillOption,
    StaffOption,
    TrafficOption,
    on_store,
    taught,
    tell,
)
from workers.commands.terminal import Terminal, moment
from workers.monitoring import logs
from workers.rules.active_rules import ActiveRules, rules_of
from workers.rules.publishing import Publishing, content_of
from workers.rules.rehearsal import with_draft

_T = TypeVar("_T")

rules_app = typer.Typer(
    cls=Group,
    help="分单规则的版本：起草、检查、比较、演练、发布、退回 / Versions of the routing rules.",
    no_args_is_help=True,
)
out = Terminal()


def _said(why: str) -> str:
    if not why.strip():
        raise typer.BadParameter("请写明原因 / say why")
    return why


Why = Annotated[
    str, typer.Option(callback=_said, help="为什么，记入审计 / Why; kept in the audit.")
]
By = Annotated[
    str | None,
    typer.Option(help="以谁的名义（账号），记入审计 / In whose name; kept in the audit."),
]
Channels = Annotated[
    list[str] | None, typer.Option("--channel", help="只给这个渠道，可多次 / Only this channel.")
]
Accounts = Annotated[
    list[str] | None, typer.Option("--account", help="只给这个账号，可多次 / Only this account.")
]
Domains = Annotated[
    list[str] | None, typer.Option("--domain", help="只给这个业务域，可多次 / Only this domain.")
]


_STATES = {"draft": "草案 draft", "published": "生效中 in force", "retired": "已停用 retired"}


@dataclass(frozen=True, slots=True)
class _Context:
    settings: Settings
    store: Store
    active_rules: ActiveRules
    publishing: Publishing


@asynccontextmanager
async def _context(config: Path | None) -> AsyncIterator[_Context]:
    from workers.assembly.wiring import (
        make_active_rules,
        make_channels,
        make_publishing,
        make_store,
    )

    settings = load(config, environ=os.environ)
    logs.configure("warning", settings.log.format, "rules")
    store = make_store(settings)
    try:
        active_rules = make_active_rules(settings, store)
        await active_rules.refresh()
        taxonomy = load_taxonomy(settings)
        channels = make_channels(settings, store.vault)
        publishing = make_publishing(store, active_rules, taxonomy, channels)
        yield _Context(settings, store, active_rules, publishing)
    finally:
        await store.close()


def _in_context(config: Path | None, act: Callable[[_Context], Awaitable[_T]]) -> _T:
    async def run() -> _T:
        async with _context(config) as context:
            return await act(context)

    return asyncio.run(run())


@rules_app.command("list")
def list_(config: ConfigOption = None) -> None:
    """列出版本和生效范围 / List versions and where they are in force."""

    async def act(context: _Context) -> None:
        published = await context.store.rules.published()
        table = Table("版本 no.", "状态 state", "生效于 in force for", "时间 at", "原因 why")
        for version in await context.store.rules.all():
            lines = [_line_name(p.line) for p in published if p.number == version.number]
            row = (
                str(version.number),
                _STATES[version.state],
                "; ".join(lines),
                moment(version.created_at, context.settings),
                version.why,
            )
            table.add_row(*(escape(cell) for cell in row))
        out.show(table, least=100)

    _in_context(config, act)


@rules_app.command("show")
def show(number: int, config: ConfigOption = None) -> None:
    """以 JSON 打印一个版本，可改后再 draft / Print a version as JSON, to edit and draft again."""

    async def act(context: _Context) -> None:
        version = await context.store.rules.get(number)
        sys.stdout.write(json.dumps(version.content, ensure_ascii=False, indent=2) + "\n")

    _in_context(config, act)


@rules_app.command("draft")
def draft(
    file: Path,
    why: Why,
    based_on: Annotated[int | None, typer.Option("--from", help="基于版本 / Based on.")] = None,
    by: By = None,
    config: ConfigOption = None,
) -> None:
    """把文件（TOML、JSON）存为草案 / Keep a file (TOML, JSON) as a draft."""

    async def act(context: _Context) -> int:
        person = await _person(context, by)
        return await context.publishing.draft(content_of(file), person, why, based_on)

    number = _in_context(config, act)
    out.print(f"草案 {number} 已保存 / Draft {number} is kept")


@rules_app.command("validate")
def validate(
    what: Annotated[str, typer.Argument(help="版本号或文件 / A version or a file.")],
    channel: Channels = None,
    account: Accounts = None,
    domain: Domains = None,
    config: ConfigOption = None,
) -> None:
    """检查一个版本或文件 / Check a version or a file.

    有错误时退出码为 1。 / Exit code 1 where there is an error.
    """
    line = _line(channel, account, domain)

    async def act(context: _Context) -> list[Finding]:
        content = (
            (await context.store.rules.get(int(what))).content
            if what.isdigit()
            else content_of(Path(what))
        )
        return await context.publishing.findings(content, line)

    findings = _in_context(config, act)
    for f in findings:
        sign = {"error": "错误 error", "warning": "注意 warning"}[f.level]
        where = "" if f.where.startswith("class.") else f"{f.where}: "
        out.print(f"{sign} {where}{f.text.zh} / {f.text.en}", markup=False)
    if any(f.level == "error" for f in findings):
        raise typer.Exit(1)
    out.print("可以发布 / It may be published")


@rules_app.command("diff")
def diff(before: int, after: int, config: ConfigOption = None) -> None:
    """比较两个版本 / Compare two versions."""
    found = _in_context(config, lambda context: context.publishing.changes(before, after))
    for change in found:
        out.print(f"{change.text.zh}\n  {change.text.en}", markup=False)
    if not found:
        out.print("没有不同 / They are the same")


@rules_app.command("publish")
def publish(
    number: int,
    why: Why,
    channel: Channels = None,
    account: Accounts = None,
    domain: Domains = None,
    despite_errors: Annotated[
        bool, typer.Option(help="检查有错误也发布 / Publish even with errors.")
    ] = False,
    by: By = None,
    config: ConfigOption = None,
) -> None:
    """发布给全部，或只给一条业务线 / Put a version in force, for all or one line of business."""
    line = _line(channel, account, domain)

    async def act(context: _Context) -> None:
        person = await _person(context, by)
        await context.publishing.publish(number, line, person, why, despite=despite_errors)

    _in_context(config, act)
    out.print(
        f"版本 {number} 已发布：{_line_name(line)} / Version {number} is in force;"
        " workers take it over within 5 s",
        markup=False,
    )


@rules_app.command("rollback")
def rollback(
    why: Why,
    channel: Channels = None,
    account: Accounts = None,
    domain: Domains = None,
    by: By = None,
    config: ConfigOption = None,
) -> None:
    """退回上一次发布 / Take the last publication back."""
    line = _line(channel, account, domain)

    async def act(context: _Context) -> list[Publication]:
        return await context.store.rules.rollback(line, await _person(context, by), why)

    back = _in_context(config, act)
    named = "; ".join(f"{p.number} ({_line_name(p.line)})" for p in back)
    out.print(f"现在生效 in force again: {named or '全部规则 the general rules'}", markup=False)


@rules_app.command("rehearse")
def rehearse_version(
    number: int,
    days: DaysOption = 7.0,
    traffic: TrafficOption = None,
    staff: StaffOption = None,
    skill: SkillOption = None,
    channel: Channels = None,
    account: Accounts = None,
    domain: Domains = None,
    as_json: JsonOption = False,
    picture: PictureOption = None,
    config: ConfigOption = None,
) -> None:
    """按来量演练一个版本，结果存在版本上 / Rehearse a version; the result is kept with it."""
    line = _line(channel, account, domain)

    asked = Asked(days, traffic, staff, taught(skill))

    async def act(context: _Context) -> dict[str, Any]:
        rules = rules_of((await context.store.rules.get(number)).content)
        drafted = with_draft(context.active_rules.book, rules, line)
        played = await on_store(context.store, context.active_rules, drafted, asked)
        await context.store.rules.rehearsed(number, played, None)
        return played

    tell(_in_context(config, act), as_json, picture)


async def _person(context: _Context, login: str | None) -> str | None:
    """The id of who acts; None is whoever may use the command line.

    Raises:
        NotFound: nobody has this login.
    """
    if login is None:
        return None
    found = await context.store.agents.by_login(login)
    if found is None:
        raise NotFound(f"没有账号 {login} / nobody has the login {login}")
    return found[0].id


def _line(
    channels: list[str] | None, accounts: list[str] | None, domains: list[str] | None
) -> Line:
    return Line(
        channels=tuple(channels or ()),
        accounts=tuple(accounts or ()),
        domains=tuple(domains or ()),
    )


def _line_name(line: Line) -> str:
    parts = [*line.channels, *line.accounts, *line.domains]
    return " + ".join(parts) if parts else "全部 all"
