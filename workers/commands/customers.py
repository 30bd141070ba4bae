"""``shouli customers …``: what the law lets a customer ask for."""

from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from config.settings import Settings
from models.errors import Conflict, Rejected
from models.store import Store
from models.store.privacy.erasure import Erased
from workers.commands.options import ConfigOption, Group
from workers.commands.terminal import Terminal
from workers.commands.with_store import with_store

customers_app = typer.Typer(
    cls=Group,
    help="客户的个人信息，见 docs/privacy.md / Customers' personal data.",
    no_args_is_help=True,
)
out = Terminal()

NumberArgument = Annotated[
    str, typer.Argument(help="此人的任一工单号 / The number of any ticket of theirs.")
]


@customers_app.callback()
def customers_group() -> None:
    """客户 / Customers."""


@customers_app.command("export")
def export(
    number: NumberArgument,
    to: Annotated[Path, typer.Option("--out", help="文件，.zip / File, .zip.")],
    config: ConfigOption = None,
) -> None:
    """把一位客户的资料写成 ZIP，未遮盖 / All that is kept of a customer, unmasked, as a ZIP."""
    from desk.copy_file import write_copy

    async def write(settings: Settings, store: Store) -> int:
        ticket = await store.tickets.get(number)
        copy = await store.copies.of(ticket.customer_id)
        await store.copies.handed_out(ticket.customer_id, None, ticket.id)
        with to.open("wb") as file:
            await write_copy(copy, store.blobs, ZoneInfo(settings.hours.time_zone), file)
        return len(copy.tickets)

    count = with_store(config, write)
    out.print(f"{count} 张工单 / tickets: {to}", markup=False)


@customers_app.command("erase")
def erase(
    number: NumberArgument,
    why: Annotated[
        str, typer.Option("--why", help="原因，会留痕，不要写姓名 / Recorded: name nobody.")
    ],
    despite: Annotated[
        str,
        typer.Option(
            help="投诉还在保存期内时，为何仍可抹除 "
            "/ Why even a complaint that must be kept may go."
        ),
    ] = "",
    confirm: Annotated[
        str | None,
        typer.Option(help="再写一遍工单号；不写则询问 / The number again; asked for otherwise."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """抹除一位客户的资料，不可恢复 / Erase a customer, for good."""
    with_store(config, lambda _, store: store.tickets.get(number))  # or there is nothing to ask
    typed = confirm or typer.prompt(f"再输入一遍 {number} 以确认 / Type {number} again to confirm")
    if typed.strip() != number:
        raise Rejected("工单号不符，什么也没有抹除 / That is not the number; nothing was erased")

    async def do(_: Settings, store: Store) -> Erased:
        ticket = await store.tickets.get(number)
        try:
            return await store.erasure.erase(ticket.customer_id, None, why, despite)
        except Conflict as error:
            if error.code != "kept":
                raise
            raise Conflict(
                "这位客户有投诉还在保存期内，或者没有办结；依法仍须抹除的，用 --despite 写明理由。"
                " / A complaint of this customer must be kept longer; --despite says why it may "
                "be erased all the same.",
                code=error.code,
            ) from error

    erased = with_store(config, do)
    if not erased.tickets:
        out.print("早已抹除 / Erased before")
        return
    out.print(f"已抹除，工单 / Erased, tickets: {', '.join(erased.tickets)}", markup=False)
