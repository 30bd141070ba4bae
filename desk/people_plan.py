"""What a file of people would make and change, line by line, and doing all of it or nothing."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import Field, ValidationError

from desk.bodies import Body, Capacity, Line, Name, Skills
from desk.people_file import COLUMNS, Row, skills_of
from desk.services import Words
from models.agent import LOGIN, ROLE_NAMES, Agent, Role, initial_password
from models.remedies import remedy
from models.store import Store
from models.store.ground.idempotency import Key
from models.store.routing.staffing import Changed, Newcomer
from models.training import Taxonomy

Verdict = Literal["add", "change", "same", "refused"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

_MAY_BE_EMPTY = frozenset({"name", "alias", "team", "skills"})
"""An empty cell of the others says nothing: they stay, or are what newcomers have."""


class _Wanted(Body):
    """What the cells of a line say, but for the login."""

    name: Name | None = None
    alias: Annotated[Line, Field(max_length=32)] | None = None
    team: Annotated[Line, Field(max_length=64)] | None = None
    role: Role | None = None
    capacity: Capacity | None = None
    skills: Skills | None = None


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One line of the file, and what comes of it.

    ``values`` is what is written, ``before`` what stands there now under the same names;
    ``agent_id`` is None of newcomers. ``reasons``: why it is refused.
    """

    number: int
    login: str
    name: str
    verdict: Verdict
    values: Mapping[str, Any]
    before: Mapping[str, Any]
    agent_id: str | None = None
    reasons: tuple[Words, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """All lines. Nothing may be done of it while one is refused."""

    lines: Sequence[PlanLine]

    def of(self, verdict: Verdict) -> list[PlanLine]:
        return [line for line in self.lines if line.verdict == verdict]

    @property
    def seen(self) -> str:
        """Another one as soon as anything else would be done."""
        told = [
            [line.verdict, line.login, line.agent_id, dict(line.values), dict(line.before)]
            for line in self.lines
        ]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


class Made(NamedTuple):
    """Somebody new, with the password that nobody is told again."""

    login: str
    name: str
    password: str


async def plan(store: Store, taxonomy: Taxonomy, rows: Sequence[Row], by: str | None) -> Plan:
    """What ``rows`` would do now; ``by`` is the admin who asks, None who has a shell here."""
    here = {one.login: one for one in await store.agents.all()}
    left = {one.login for one in await store.agents.left()}
    lines: list[PlanLine] = []
    first: dict[str, int] = {}
    for row in rows:
        line = _line(row, here.get(row.cells["login"]), taxonomy)
        told = first.setdefault(line.login, line.number)
        lines.append(_refused(line, _against(line, told, left, by)))
    return Plan(_keeping_an_admin(lines, here))


def newcomers(wanted: Plan, seed: bytes = b"") -> list[Made]:
    """Those whom a plan adds, each with a password: made for them now, or of a ``seed``."""
    added = wanted.of("add")
    return [Made(line.login, line.name, initial_password(line.login, seed)) for line in added]


async def carry_out(
    store: Store,
    wanted: Plan,
    made: Sequence[Made],
    by: str | None,
    hashed: Callable[[str], Awaitable[str]],
    key: Key | None = None,
) -> None:
    """Does all of a plan in which nothing is refused; ``made`` are its newcomers.

    ``key``: by what the request is known when it comes again.

    Raises:
        Conflict: somebody was added or changed since it was made; nothing was done.
    """
    added = [
        Newcomer(password=await hashed(one.password), **line.values)
        for line, one in zip(wanted.of("add"), made, strict=True)
    ]
    changed = [
        Changed(str(line.agent_id), line.before, line.values) for line in wanted.of("change")
    ]
    if added or changed:
        await store.staffing.apply(added, changed, by, key)


def _line(row: Row, known: Agent | None, taxonomy: Taxonomy) -> PlanLine:
    login = row.cells["login"]
    values, reasons = _values(row, taxonomy)
    if not LOGIN.fullmatch(login):
        reasons.insert(
            0,
            Words(
                f"账号“{login}”：1 到 64 个字母、数字和 . _ @ -。",
                f"The login “{login}” must be 1 to 64 letters, digits, or any of . _ @ -.",
            ),
        )
    if known is None:
        if "name" not in values and not reasons:
            reasons.append(Words("新的人要有姓名。", "Somebody new needs a name."))
        values = {"login": login} | values
    before = {} if known is None else {key: getattr(known, key) for key in values}
    values = {key: value for key, value in values.items() if before.get(key) != value}
    verdict: Verdict = "add" if known is None else "change" if values else "same"
    name = values.get("name") or (known.name if known else row.cells.get("name", ""))
    line = PlanLine(
        row.number, login, name, verdict, values,
        {key: before[key] for key in values} if known else {},
        known.id if known else None,
    )  # fmt: skip
    return _refused(line, reasons)


def _values(row: Row, taxonomy: Taxonomy) -> tuple[dict[str, Any], list[Words]]:
    """What the cells say, and what is wrong with them."""
    said: dict[str, Any] = {
        key: cell
        for key, cell in row.cells.items()
        if key != "login" and (cell or key in _MAY_BE_EMPTY)
    }
    reasons = []
    if "role" in said:
        said["role"] = _role_of(said["role"])
        if said["role"] is None:
            reasons.append(
                Words("角色写坐席、班长或管理员。", "Role must be agent, supervisor or admin.")
            )
    if "skills" in said:
        said["skills"] = skills_of(said["skills"])
        if said["skills"] is None:
            reasons.append(
                Words(
                    "技能写成 技能=等级（1–5），例如 domain:物流=3; lang:en=2。",
                    "Write skills as skill=level (1–5): domain:物流=3; lang:en=2.",
                )
            )
    try:
        wanted = _Wanted.model_validate({k: v for k, v in said.items() if v is not None})
    except ValidationError as error:
        return {}, reasons + [
            _about(str(detail["loc"][0]), Words(*remedy(detail)))
            for detail in error.errors(include_url=False)
        ]
    unknown = [wrong for skill in wanted.skills or {} if (wrong := taxonomy.no_skill(skill))]
    reasons += [Words(f"{zh}。", f"{en}.") for zh, en in unknown]
    return wanted.model_dump(exclude_none=True), reasons


def _about(column: str, words: Words) -> Words:
    zh, en = COLUMNS[column]
    return Words(f"{zh}：{words.zh}", f"{en}: {words.en}")


def _role_of(text: str) -> Role | None:
    for role, names in ROLE_NAMES.items():
        if text.casefold() in {role.value, *(name.casefold() for name in names)}:
            return role
    return None


def _refused(line: PlanLine, reasons: Sequence[Words]) -> PlanLine:
    if not reasons:
        return line
    return replace(line, verdict="refused", reasons=(*line.reasons, *reasons))


def _against(line: PlanLine, first: int, left: set[str], by: str | None) -> list[Words]:
    """What stands against a line besides its cells."""
    reasons = []
    if first != line.number:
        reasons.append(
            Words(f"第 {first} 行已有这个账号。", f"The login is in line {first} already.")
        )
    if line.login in left:
        reasons.append(
            Words(
                "这个账号的人已离岗：先恢复账号，或换一个账号。",
                "Who has this login has left: bring them back first, or take another login.",
            )
        )
    if line.agent_id is not None and line.agent_id == by and "role" in line.values:
        reasons.append(
            Words("自己的角色请另一位管理员来改。", "Ask another admin to change your role.")
        )
    return reasons


def _keeping_an_admin(lines: Sequence[PlanLine], here: Mapping[str, Agent]) -> list[PlanLine]:
    """Refuses to make the last admins something else."""
    roles = {login: one.role for login, one in here.items()}
    roles |= {line.login: line.values["role"] for line in lines if "role" in line.values}
    if Role.ADMIN in roles.values() or not here:
        return list(lines)
    words = Words("这样就没有管理员了。", "No admin would be left.")
    return [
        _refused(line, [words])
        if line.before.get("role") == Role.ADMIN and line.verdict == "change"
        else line
        for line in lines
    ]
