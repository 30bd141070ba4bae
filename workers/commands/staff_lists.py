"""``shouli agents import`` and ``export``: the list of people as a file."""

import asyncio
import csv
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from config.settings import Settings, load_taxonomy
from models.errors import Conflict, Rejected
from models.store import Store
from workers.commands.options import ConfigOption
from workers.commands.terminal import Terminal
from workers.commands.with_store import with_store

if TYPE_CHECKING:
    from desk.people_plan import Made, Plan, PlanLine

out = Terminal()

_VERDICTS = {
    "add": "新建 add",
    "change": "修改 change",
    "same": "不变 same",
    "refused": "不行 refused",
}
_HEADS = ("行 line", "账号 login", "姓名 name", "结果 what", "内容 or why")


def export_people(
    to: Annotated[Path, typer.Option("--out", help="写到哪个 CSV 文件 / The CSV file to write.")],
    config: ConfigOption = None,
) -> None:
    """坐席名单写成 CSV，改了可以再导入 / Write the list of people as CSV, to be imported again."""
    from desk.people_file import written

    async def write(_: Settings, store: Store) -> int:
        people = await store.agents.all()
        to.write_bytes(written(people))
        async with store.db.write() as tx:
            await tx.audit(None, "agent.export", "", people=len(people))
        return len(people)

    out.print(f"{with_store(config, write)} 人 people: {to}", markup=False)


def import_people(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV。/ CSV.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="只看会做什么 / Only tell what would be done.")
    ] = False,
    passwords: Annotated[
        Path | None,
        typer.Option(
            help="初始密码写到这个新文件（0600），不显示在屏幕上"
            " / Write the initial passwords to this new file (0600), not to the screen."
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """从 CSV 新建和修改坐席，全做或全不做 / Add and change people from CSV, all or nothing."""
    from desk.passwords import hash_password
    from desk.people_file import read
    from desk.people_plan import VERDICTS, carry_out, newcomers, plan

    rows = read(file.read_bytes())

    async def hashed(password: str) -> str:
        return await asyncio.to_thread(hash_password, password)

    async def bring_in(settings: Settings, store: Store) -> "tuple[Plan, list[Made]]":
        wanted = await plan(store, load_taxonomy(settings), rows, None)
        if dry_run or wanted.of("refused"):
            return wanted, []
        made = newcomers(wanted)
        with _kept(passwords if made else None, made):
            try:
                await carry_out(store, wanted, made, None, hashed)
            except Conflict as error:
                raise Conflict(
                    "同时有人动过坐席，什么都没有导入；请再运行一次。 / Somebody changed people"
                    " meanwhile; nothing was imported. Run it again."
                ) from error
        return wanted, made

    wanted, made = with_store(config, bring_in)
    out.show(_table(wanted))
    counts = ", ".join(f"{_VERDICTS[one]}: {len(wanted.of(one))}" for one in VERDICTS)
    out.print(counts, markup=False)
    if wanted.of("refused"):
        raise Rejected(
            "有的行不行，什么都没有导入；请改好文件再运行一次。 / Some lines cannot be done;"
            " nothing was imported. Mend the file and run it again."
        )
    if dry_run:
        out.print("只是看看，没有导入。 / Nothing was imported: a dry run.", markup=False)
    elif made and passwords:
        out.print(f"初始密码在 initial passwords are in {passwords}", markup=False)
    elif made:
        out.print("初始密码，只显示这一次 initial passwords, shown once:", markup=False)
        for one in made:
            out.print(f"{one.login} {one.password} {one.name}", markup=False)


@contextmanager
def _kept(path: Path | None, made: "Sequence[Made]") -> Iterator[None]:
    """Writes the passwords before the people are there, so that none is lost; or leaves no file.

    Raises:
        Rejected: the file is there already, or cannot be made.
    """
    if path is None:
        yield
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Rejected(
            f"初始密码写不进 {path}：{error.strerror}；要的是一个还没有的文件。"
            f" / No passwords can be written to {path}: {error.strerror}. It must be a new file."
        ) from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="") as file:
            heads = ("账号 Login", "姓名 Name", "初始密码 Initial password")
            csv.writer(file).writerows([heads, *made])
        yield
    except BaseException:
        path.unlink()
        raise


def _table(wanted: "Plan") -> Table:
    table = Table(*_HEADS)
    for line in wanted.lines:
        cells = (str(line.number), line.login, line.name, _VERDICTS[line.verdict], _told(line))
        table.add_row(*(escape(cell) for cell in cells))
    return table


def _told(line: "PlanLine") -> str:
    """Why not, or what is changed."""
    if line.reasons:
        return "\n".join(f"{words.zh} / {words.en}" for words in line.reasons)
    if line.verdict == "add":
        return ""
    return "\n".join(f"{key}: {line.before[key]} → {value}" for key, value in line.values.items())
