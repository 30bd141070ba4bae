"""Options that several commands of ``shouli`` have."""

import re
from pathlib import Path
from typing import Annotated

import typer

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
