"""``shouli agents …``: people at the desk, from the command line."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from config.layers import NEW_PASSWORD_VARIABLE
from config.settings import Settings, load, load_taxonomy
from models.agent import (
    LOGIN,
    PRESENCE_NAMES,
    ROLE_NAMES,
    SHORTEST_PASSWORD,
    Role,
    guessable,
    initial_password,
)
from models.errors import Conflict, NotFound
from models.store import Store
from workers.commands.options import ConfigOption, Group
from workers.commands.terminal import Terminal
from workers.commands.with_store import with_store

agents_app = typer.Typer(cls=Group, help="坐席账号 / People at the desk.", no_args_is_help=True)
out = Terminal()

_COLUMNS = (
    "账号 login",
    "姓名 name",
    "花名 alias",
    "班组 team",
    "角色 role",
    "状态 presence",
    "负荷 used",
    "两步验证 two-step",
    "技能 skills",
)
_HANDED_OVER = {
    "tickets": "工单 tickets",
    "offers": "待接收的转派 transfers offered",
    "follow_ups": "回访 follow-ups",
    "helping": "协办与子任务 helping and sub-tasks",
    "improvements": "改进措施 improvements",
    "customers": "专属客户等级 tiers whose owner they are",
}
"""What somebody who leaves hands over."""

NameOption = Annotated[str, typer.Option(help="姓名，同事看到的 / Name, for colleagues.")]
AliasOption = Annotated[
    str | None, typer.Option(help="花名或工号，客户看到的 / Alias, for customers.")
]
TeamOption = Annotated[
    str | None, typer.Option(help="班组，营业时间按班组 / Team, with its hours.")
]
SkillOption = Annotated[
    list[str] | None,
    typer.Option(help="技能=等级，可多次，例如 domain:物流=3 / skill=level, repeatable."),
]


@agents_app.command("list")
def list_(config: ConfigOption = None) -> None:
    """列出坐席 / List everybody."""

    async def read(_: Settings, store: Store) -> Table:
        table = Table(*_COLUMNS)
        for one in await store.agents.all():
            skills = " ".join(f"{skill}={level}" for skill, level in one.skills.items())
            used = f"{one.used}/{one.capacity}"
            named = (ROLE_NAMES[one.role], PRESENCE_NAMES[one.presence])
            who = (one.login, one.name, one.alias, one.team, *map(" ".join, named))
            two_step = "是 yes" if one.second_factor_at is not None else ""
            table.add_row(*(escape(cell) for cell in (*who, used, two_step, skills)))
        return table

    out.show(with_store(config, read))


@agents_app.command("add")
def add(
    login: str,
    name: NameOption,
    role: Role = Role.AGENT,
    skill: SkillOption = None,
    capacity: Annotated[int, typer.Option(min=1, help="容量单位 / Units of capacity.")] = 6,
    alias: AliasOption = None,
    team: TeamOption = None,
    config: ConfigOption = None,
) -> None:
    """新建账号 / Create an account.

    密码取自环境变量 SHOULI_NEW_PASSWORD，没有就生成一个。
    / Its password is SHOULI_NEW_PASSWORD of the environment, or made.
    """
    from desk.passwords import hash_password

    given = os.environ.get(NEW_PASSWORD_VARIABLE, "")
    skills = _skills(skill or (), config)
    if not LOGIN.fullmatch(login):
        raise typer.BadParameter(
            f"账号 {login}：1 到 64 个字母、数字、. _ @ - / The login {login}: 1 to 64 letters, "
            "digits, or any of . _ @ -"
        )
    if given and len(given) < SHORTEST_PASSWORD:
        raise typer.BadParameter(
            f"SHOULI_NEW_PASSWORD 至少要有 {SHORTEST_PASSWORD} 个字符"
            f" / SHOULI_NEW_PASSWORD must have at least {SHORTEST_PASSWORD} characters"
        )
    if given and guessable(given, login):
        raise typer.BadParameter(
            "SHOULI_NEW_PASSWORD 不能全是数字，不能含账号，至少有五种不同的字符 / "
            "SHOULI_NEW_PASSWORD must not be digits alone, nor hold the login, and needs five "
            "different characters"
        )
    password = given or initial_password(login)
    more = {key: text for key, text in (("alias", alias), ("team", team)) if text}

    async def create(_: Settings, store: Store) -> None:
        hashed = hash_password(password)
        try:
            made = await store.agents.add(
                login, name, role, hashed, skills, capacity, password_due=not given
            )
        except Conflict as error:
            zh = f"账号 {login} 已经有人用了，请换一个。"
            raise Conflict(f"{zh} / The login {login} is taken: choose another.") from error
        if more:
            await store.agents.change(made, None, **more)

    with_store(config, create)
    out.print(f"已新建 added: {login}", markup=False)
    if not given:
        out.print(f"密码，只显示这一次 password, shown once: {password}", markup=False)


@agents_app.command("change")
def change(
    login: str,
    name: Annotated[str | None, typer.Option(help="姓名 / Name.")] = None,
    alias: AliasOption = None,
    team: TeamOption = None,
    skill: SkillOption = None,
    capacity: Annotated[int | None, typer.Option(min=0, help="容量单位 / Capacity.")] = None,
    config: ConfigOption = None,
) -> None:
    """修改坐席 / Change somebody.

    没写的不变，写了技能则整组替换。
    / What is not named stays; skills are replaced as a whole.
    """
    skills = _skills(skill, config) if skill else None
    given = {"name": name, "alias": alias, "team": team, "skills": skills, "capacity": capacity}
    values: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if not values:
        raise typer.BadParameter("没有要修改的 / There is nothing to change")

    async def write(_: Settings, store: Store) -> None:
        await store.agents.change(await _id(store, login), None, **values)

    with_store(config, write)


@agents_app.command("leave")
def leave(
    login: str,
    to: Annotated[
        str | None, typer.Option(help="交接给谁；不写则退回队列 / Who gets what they have.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """离岗：交接手上的一切并停用账号 / Hand over all that a person has, and shut them out."""

    async def see_off(_: Settings, store: Store) -> dict[str, int]:
        heir = None if to is None else await _id(store, to)
        return await store.offboarding.leave(await _id(store, login), None, heir)

    for name, count in with_store(config, see_off).items():
        out.print(f"{_HANDED_OVER[name]}: {count}", markup=False)


@agents_app.command("drop-second-factor")
def drop_second_factor(login: str, config: ConfigOption = None) -> None:
    """解除两步验证，手机和恢复码都丢了时用 / For who lost phone and recovery codes.

    此人现有的登录随即失效；可以重新开启。

    Their sessions end; they may set it up anew.
    """

    async def drop(_: Settings, store: Store) -> None:
        agent_id = await _id(store, login)
        try:
            await store.second_factors.end(agent_id, None)
        except NotFound as error:
            raise NotFound(
                f"{login} 没有开启两步验证。 / {login} does not sign in in two steps."
            ) from error

    with_store(config, drop)
    out.print(f"已解除 removed: {login}", markup=False)


async def _id(store: Store, login: str) -> str:
    """Raises ``NotFound`` where there is no such login."""
    found = await store.agents.by_login(login)
    if found is None:
        raise NotFound(f"没有账号 {login}。 / There is no login {login}.")
    return found[0].id


def _skills(texts: Sequence[str], config: Path | None) -> dict[str, int]:
    """Raises ``typer.BadParameter`` for what no ticket could ever ask for."""
    taxonomy = load_taxonomy(load(config, environ=os.environ))
    skills = {}
    for text in texts:
        name, _, level = text.rpartition("=")
        if not name or level not in {"1", "2", "3", "4", "5"}:
            raise typer.BadParameter(f"{text}: 写成 技能=等级(1-5) / write skill=level (1-5)")
        if wrong := taxonomy.no_skill(name):
            raise typer.BadParameter(" / ".join(wrong))
        skills[name] = int(level)
    return skills
