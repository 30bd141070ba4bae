"""Options that several commands of ``shouli`` have, and how a group lists its commands."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup


class Group(TyperGroup):
    """Lists its commands with all that is said of each: cut to a line, it lost its English."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        found = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        said = [(name, one.get_short_help_str(_ALL)) for name, one in found.items() if one]
        with formatter.section("Commands"):
            formatter.write_dl(said)


_ALL = 1_000
"""Characters: more than any command says of itself in its first paragraph."""

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="设置文件 / Settings file (default: ./shouli.toml)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON / Print JSON.")]


def _month(text: str) -> str:
    if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", text):
        raise typer.BadParameter(f"{text}: 写成 2026-11 / write it as 2026-11")
    return text


def _spreadsheet(path: Path) -> Path:
    if path.suffix not in {".csv", ".xlsx"}:
        raise typer.BadParameter(f"{path.name}: .csv 或 .xlsx / .csv or .xlsx")
    return path


MonthOption = Annotated[
    str, typer.Option("--month", callback=_month, help="月份 / Month, as 2026-11.")
]
SpreadsheetOption = Annotated[
    Path,
    typer.Option(
        "--out", callback=_spreadsheet, help="文件，.csv 或 .xlsx / File, .csv or .xlsx."
    ),
]
