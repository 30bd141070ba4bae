"""The ``shouli`` command."""

import asyncio
import os
import sys
import time
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from config.settings import Settings, load
from models.agent import ROLE_NAMES
from models.errors import ShouliError
from workers.commands.agents import agents_app
from workers.commands.compact import compact
from workers.commands.complaints import complaints_app
from workers.commands.customers import customers_app
from workers.commands.failures import in_both
from workers.commands.figures import figures_app
from workers.commands.incidents import incidents_app
from workers.commands.keys import keys_app
from workers.commands.options import ConfigOption, Group, JsonOption
from workers.commands.parked import parked_app
from workers.commands.records import calls_app, deliveries_app
from workers.commands.rehearsing import simulate
from workers.commands.rules import rules_app
from workers.commands.staff_lists import export_people, import_people
from workers.commands.terminal import Terminal
from workers.commands.wrong_use import told_in_both
from workers.processes import heap


class _Commands(Group):
    """All commands; those of the classifier are loaded when one of them is asked for.

    What it loads, numpy before all, costs each other process of a deployment 25 MB and a fifth
    of the CPU time of its start.
    """

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name != "classifier":
            return super().get_command(ctx, cmd_name)
        # Each adds its commands to the same group.
        from workers.commands import bundles, watch  # noqa: F401
        from workers.commands.classifier import classifier_app

        return typer.main.get_group(classifier_app)

    def make_context(self, *args: Any, **extra: Any) -> Any:
        with told_in_both():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        with told_in_both():
            return super().invoke(ctx)


app = typer.Typer(
    name="shouli",
    cls=_Commands,
    help="受理：全渠道客服接入与分单。 / Omnichannel intake and routing for customer service.\n\n"
    "shouli run 一条命令启动全部；其余角色命令用于多机部署（见 docs/deploy.md）。\n\n"
    "“shouli run” starts everything; the role commands are for several machines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
route_app = typer.Typer(cls=Group, help="分单 / Routing.", no_args_is_help=True)
agents_app.command("import")(import_people)
agents_app.command("export")(export_people)
app.add_typer(agents_app, name="agents")
app.add_typer(typer.Typer(), name="classifier")  # its place; see _Commands
app.add_typer(deliveries_app, name="deliveries")
app.add_typer(calls_app, name="calls")
app.add_typer(complaints_app, name="complaints")
app.add_typer(customers_app, name="customers")
app.add_typer(figures_app, name="figures")
app.add_typer(incidents_app, name="incidents")
app.add_typer(keys_app, name="keys")
app.add_typer(parked_app, name="parked")
app.add_typer(rules_app, name="rules")
app.add_typer(route_app, name="route")

out = Terminal()


def main() -> None:
    """The entry point: expected failures are a sentence on standard error and exit code 1.

    What is written is for the user whose process it is: customers' words lie in the data folder.
    """
    os.umask(0o077)
    try:
        app()
    except ShouliError as error:
        said = Terminal(stderr=True)
        said.print(f"shouli: {in_both(error)}", markup=False)
        sys.exit(1)


def _settings(config: Path | None, role: str) -> Settings:
    settings = load(config, environ=os.environ)
    from workers.monitoring import logs

    logs.configure(settings.log.level, settings.log.format, role)
    return settings


@app.command()
def run(config: ConfigOption = None) -> None:
    """启动全部（自带 Valkey 和 SQLite） / Start everything, with its own Valkey and SQLite."""
    with heap.loading():
        from workers.commands.running import run as run_everything

    run_everything(_settings(config, "run"), config)


@app.command()
def migrate(
    config: ConfigOption = None,
    train: Annotated[
        bool,
        typer.Option(
            "--train",
            help="分类器与新版本不符时现在就训练，不等 work 启动 "
            "/ Train now where no classifier fits this version, not when work starts.",
        ),
    ] = False,
) -> None:
    """升级数据库结构 / Bring the schema up to date.

    首次还准备分类器和账号。 / The first time it sees to a classifier and accounts as well.
    """
    with heap.loading():
        from workers.commands.setup import prepare

    settings = _settings(config, "migrate")
    show_created(asyncio.run(prepare(settings, lambda text: out.print(text), train=train)))
    out.print("数据库已是最新 / The database is up to date")


def show_created(created: list[Any]) -> None:
    """Tells new accounts and their passwords, once."""
    if not created:
        return
    out.print("演示账号，密码只显示这一次 / Demo accounts; the passwords are shown once")
    table = Table()
    for column in ("账号 login", "姓名 name", "角色 role", "密码 password"):
        table.add_column(column, no_wrap=True)
    for person in created:
        zh, en = ROLE_NAMES[person.role]
        table.add_row(person.login, person.name, f"{zh} {en}", person.password)
    out.show(table, least=60)


@app.command()
def intake(config: ConfigOption = None) -> None:
    """角色：接收各渠道消息 / Role: receive on every channel."""
    with heap.loading():
        from workers.roles import intake as role

    asyncio.run(role.run(_settings(config, "intake")))


@app.command()
def work(config: ConfigOption = None) -> None:
    """角色：处理、分类、分单、发送 / Role: process, classify, route, deliver."""
    with heap.loading():
        from workers.commands.setup import train_apart, until_one_serves
        from workers.roles import work as role

    settings = _settings(config, "work")
    if settings.redis_url is not None:
        options = ["--config", str(config)] if config else []
        asyncio.run(until_one_serves(settings, lambda: train_apart(options)))
    role.run(settings)


@app.command()
def desk(config: ConfigOption = None) -> None:
    """角色：坐席台 / Role: the desk."""
    with heap.loading():
        from workers.roles import desk as role

    asyncio.run(role.run(_settings(config, "desk")))


@app.command()
def clock(config: ConfigOption = None) -> None:
    """角色：时钟（超时、放宽、离线） / Role: the clock (expiry, relaxation, lost contact)."""
    with heap.loading():
        from workers.roles import clock as role

    asyncio.run(role.run(_settings(config, "clock")))


@app.command()
def schema() -> None:
    """打印 InboundMessage 的 JSON Schema / Print the JSON Schema of InboundMessage."""
    from workers.reference.pages import message_schema

    sys.stdout.write(message_schema())


def _tell_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def shouli(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_tell_version,
            is_eager=True,
            help="打印版本 / Print the version.",
        ),
    ] = False,
) -> None:
    """Options of the command itself, before any subcommand."""


@app.command()
def version() -> None:
    """打印版本 / Print the version."""
    sys.stdout.write(f"shouli {installed_version('shouli')}\n")


@app.command()
def check(config: ConfigOption = None) -> None:
    """检查设置，不连任何服务 / Check the settings; connects to nothing.

    也说明哪些渠道现在不能答复，为什么。 / It also says which channels cannot answer now, and why.
    """
    from models.store.ground.sealing import Vault
    from workers.assembly.wiring import make_channels
    from workers.commands.checking import checked
    from workers.processes.home import master_key
    from workers.rules.hours import gaps, overlaps

    settings = checked(config, os.environ)
    channels = make_channels(settings, Vault(master_key(settings, keep=False)))
    for warning in (*overlaps(settings.hours), *gaps(settings.hours, time.time())):
        out.print(f"注意 warning {warning}", markup=False)
    out.print("设置正确 / The settings are right")
    out.print(
        "数据库 database: "
        + ("PostgreSQL" if settings.database_url else f"SQLite ({settings.data_dir})")
    )
    for name, channel in sorted(channels.items()):
        problem = channel.ready()
        state = "可收发 / receives and answers" if problem is None else problem
        out.print(f"渠道 channel {name}: {state}", markup=False)


@app.command()
def status(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """哪些角色在运行、什么等了多久、有什么不对 / Which roles live, what waits, what is wrong.

    有问题时退出码为 1。 / Exit code 1 where something is wrong.
    """
    from workers.commands.status import show

    sys.exit(0 if show(config, as_json=as_json) else 1)


@app.command()
def demo(
    config: ConfigOption = None,
    desk_url: Annotated[str | None, typer.Option(help="坐席台地址 / Where the desk is.")] = None,
) -> None:
    """三位客户走一遍真实流程 / Three customers walk through the real doors of a running system."""
    from workers.demo.play import play

    settings = load(config, environ=os.environ)
    sys.exit(0 if asyncio.run(play(settings, desk_url)) else 1)


@route_app.callback()
def route_group() -> None:
    """分单 / Routing."""


@route_app.command("explain")
def route_explain(
    number: Annotated[str, typer.Argument(help="工单号或内部编号 / Ticket number, or its id.")],
    config: ConfigOption = None,
) -> None:
    """为什么分给了谁、为什么还在等 / Why a ticket went to whom it went, or why it waits."""
    from workers.commands.route import explain_ticket
    from workers.monitoring import logs

    settings = load(config, environ=os.environ)
    logs.configure("warning", settings.log.format, "route")
    asyncio.run(explain_ticket(settings, number, out))


# Listed after what starts, which a newcomer looks for.
app.command("simulate")(simulate)
app.command("compact")(compact)
