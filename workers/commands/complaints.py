"""``shouli complaints …``: the ledger as a file."""

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from config.settings import Settings
from models.store import Store
from workers.commands.options import ConfigOption, Group, MonthOption, SpreadsheetOption
from workers.commands.terminal import Terminal
from workers.commands.with_store import with_store

complaints_app = typer.Typer(
    cls=Group, help="投诉台账 / The ledger of complaints.", no_args_is_help=True
)
out = Terminal()


@complaints_app.callback()
def complaints_group() -> None:
    """投诉 / Complaints."""


@complaints_app.command("ledger")
def ledger(
    month: MonthOption,
    to: SpreadsheetOption,
    cause: Annotated[str | None, typer.Option(help="只要这个原因 / This cause only.")] = None,
    department: Annotated[
        str | None, typer.Option(help="只要这个责任部门 / This department only.")
    ] = None,
    product: Annotated[str | None, typer.Option(help="只要这个产品 / This product only.")] = None,
    config: ConfigOption = None,
) -> None:
    """一个月的投诉写成表格 / A month of complaints as a spreadsheet."""
    from classifier.spans import spans
    from desk.ledger import covered
    from desk.ledger_file import as_csv, as_xlsx
    from desk.sheets import month_span

    writers = {".csv": as_csv, ".xlsx": as_xlsx}

    async def write(settings: Settings, store: Store) -> int:
        zone = ZoneInfo(settings.hours.time_zone)
        entries = await store.ledger.entries(
            *month_span(month, zone), cause=cause, department=department, product=product
        )
        async with store.db.write() as tx:
            await tx.audit(None, "complaint.ledger", month, format=to.suffix[1:])
        to.write_bytes(writers[to.suffix]([covered(entry, spans) for entry in entries], zone))
        return len(entries)

    count = with_store(config, write)
    out.print(f"{count} 张投诉 / complaints: {to}", markup=False)
