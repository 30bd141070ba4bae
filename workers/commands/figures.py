"""``shouli figures …``: a month's figures as a file."""

import asyncio
import os
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from config.settings import load, load_taxonomy
from models.figures import dimensions_of
from workers.commands.options import ConfigOption, MonthOption, SpreadsheetOption

figures_app = typer.Typer(help="报表 / Figures.", no_args_is_help=True)
out = Console(highlight=False)


@figures_app.callback()
def figures_group() -> None:
    """报表 / Figures."""


@figures_app.command("month")
def month(
    month: MonthOption,
    to: SpreadsheetOption,
    config: ConfigOption = None,
) -> None:
    """一个月的报表写成表格 / A month's figures as a spreadsheet."""
    from desk.monthly import month_file, read_month
    from workers.assembly.wiring import make_store

    settings = load(config, environ=os.environ)

    async def write() -> None:
        store = make_store(settings)
        try:
            zone = ZoneInfo(settings.hours.time_zone)
            dimensions = dimensions_of(load_taxonomy(settings).facets)
            found = await read_month(store, month, zone, dimensions)
            async with store.db.write() as tx:
                await tx.audit(None, "figures.month", month, format=to.suffix[1:])
        finally:
            await store.close()
        to.write_bytes(month_file(found, to.suffix[1:]))

    asyncio.run(write())
    out.print(f"{month}: {to}", markup=False)
