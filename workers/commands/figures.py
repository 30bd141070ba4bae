"""``shouli figures …``: a month's figures as a file."""

from zoneinfo import ZoneInfo

import typer

from config.settings import Settings, load_taxonomy
from models.figures import dimensions_of
from models.store import Store
from workers.commands.options import ConfigOption, Group, MonthOption, SpreadsheetOption
from workers.commands.terminal import Terminal
from workers.commands.with_store import with_store

figures_app = typer.Typer(cls=Group, help="报表 / Figures.", no_args_is_help=True)
out = Terminal()


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

    async def write(settings: Settings, store: Store) -> None:
        zone = ZoneInfo(settings.hours.time_zone)
        dimensions = dimensions_of(load_taxonomy(settings).facets)
        found = await read_month(store, month, zone, dimensions)
        async with store.db.write() as tx:
            await tx.audit(None, "figures.month", month, format=to.suffix[1:])
        to.write_bytes(month_file(found, to.suffix[1:]))

    with_store(config, write)
    out.print(f"{month}: {to}", markup=False)
