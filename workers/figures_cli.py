"""``shouli figures …``: a month's figures as a file."""

import asyncio
import os
import re
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from config.settings import load

figures_app = typer.Typer(help="报表 / Figures.", no_args_is_help=True)
out = Console(highlight=False)

_MONTH = r"^20\d\d-(0[1-9]|1[0-2])$"


@figures_app.callback()
def figures_group() -> None:
    """报表 / Figures."""


@figures_app.command("month")
def month(
    month: Annotated[str, typer.Option(help="月份 / Month, as 2026-11.")],
    to: Annotated[Path, typer.Option("--out", help="文件，.csv 或 .xlsx / File, .csv or .xlsx.")],
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="设置文件 / Settings file (default: ./shouli.toml)."),
    ] = None,
) -> None:
    """一个月的报表写成表格 / A month's figures as a spreadsheet."""
    from desk.monthly import month_file, read_month
    from workers.wiring import make_store

    if not re.fullmatch(_MONTH, month):
        raise typer.BadParameter(f"{month}: 写成 2026-11 / write it as 2026-11")
    if to.suffix not in {".csv", ".xlsx"}:
        raise typer.BadParameter(f"{to.name}: .csv 或 .xlsx / .csv or .xlsx")
    settings = load(config, environ=os.environ)

    async def write() -> None:
        store = make_store(settings)
        try:
            found = await read_month(store, month, ZoneInfo(settings.hours.time_zone))
            async with store.db.write() as tx:
                await tx.audit(None, "figures.month", month, format=to.suffix[1:])
        finally:
            await store.close()
        to.write_bytes(month_file(found, to.suffix[1:]))

    asyncio.run(write())
    out.print(f"{month}: {to}", markup=False)
