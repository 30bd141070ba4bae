"""What the command line says of errors."""

import pytest
from typer.testing import CliRunner

from models.errors import NotFound, ShouliError, StorageFull, Temporary
from workers.commands.app import app
from workers.commands.classifier import classifier_app
from workers.commands.failures import in_both


@pytest.mark.parametrize(
    ("error", "zh"),
    [
        (Temporary("the database cannot be reached: refused"), "暂不可用"),
        (StorageFull("the database's disk is full"), "磁盘满了"),
        (NotFound("no bundle x"), "没有找到分类模型 x。"),
        (NotFound("no parked envelope e1"), "没有找到停放的来件 e1。"),
        (NotFound("no such ticket"), "没有找到工单。"),
        (NotFound("no such canned answer"), "没有找到常用答复。"),
        (NotFound("nothing of the kind"), "没有找到。"),
    ],
)
def test_an_error_of_the_store_is_told_in_both_languages(error: ShouliError, zh: str) -> None:
    told = in_both(error)
    assert zh in told
    assert told.endswith(f" / {error}")


def test_one_that_says_itself_in_both_is_not_told_twice() -> None:
    assert in_both(Temporary("数据库很忙 / The database is busy")) == (
        "数据库很忙 / The database is busy"
    )


GROUPS = {"": app, "classifier": classifier_app} | {
    str(group.name): group.typer_instance
    for group in app.registered_groups
    if group.typer_instance and group.name != "classifier"
}


@pytest.mark.parametrize("group", GROUPS)
def test_a_list_of_commands_cuts_nothing_off(group: str) -> None:
    told = CliRunner().invoke(app, [*group.split(), "--help"], env={"COLUMNS": "80"}).output
    listed = " ".join(told.partition("Commands:")[2].split())
    assert listed
    assert "..." not in listed
    for command in GROUPS[group].registered_commands:
        first = (command.callback.__doc__ or "").partition("\n\n")[0]  # type: ignore[union-attr]
        assert " ".join(first.split()).rstrip(".") in listed


def test_who_replays_nothing_is_told_how() -> None:
    told = CliRunner().invoke(app, ["parked", "replay"])
    assert (told.exit_code, "--all" in told.output) == (2, True)


@pytest.mark.parametrize(
    ("given", "zh", "en"),
    [
        ("--nope", "没有选项 --nope。", "No such option: --nope"),
        ("run --confg x", "没有选项 --confg，是不是 --config？", "No such option: --confg"),
        ("nope", "没有命令 nope。", "No such command 'nope'."),
        ("rules nope", "没有命令 nope。", "No such command 'nope'."),
        ("customers export", "缺少参数 number。", "Missing argument 'number'."),
        ("customers export 1", "缺少选项 --out。", "Missing option '--out'."),
        ("run a", "多了参数 a。", "Got unexpected extra argument(s) (a)"),
        ("run --config", "选项 --config 后面要有一个值。", "requires an argument."),
        ("status --json=1", "选项 --json 不带值。", "does not take a value."),
        ("simulate --days x", "--days 的值不对：应为数字。", "Must be a number."),
        (
            "agents add x --role boss",
            "--role 的值不对：只能是 'agent'、",
            "Must be one of 'agent',",
        ),
        (
            "figures month --out x.csv --month 1",
            "--month 的值不对：1: 写成 2026",
            "write it as 2026",
        ),
        ("agents change x", "没有要修改的", "There is nothing to change"),
    ],
)
def test_wrong_use_is_told_in_both_languages(given: str, zh: str, en: str) -> None:
    told = CliRunner().invoke(app, given.split(), env={"COLUMNS": "200"})
    assert told.exit_code == 2
    said = told.output.partition("Error: ")[2]
    assert said.index(zh) < said.index(" / ") < said.index(en), said
    assert said.count(" / ") == 1


def test_a_group_without_a_command_still_lists_what_there_is() -> None:
    assert "Commands:" in CliRunner().invoke(app, ["agents"]).output


def test_the_version_can_be_asked_for_as_of_other_programs() -> None:
    asked = CliRunner().invoke(app, ["--version"])
    assert (asked.exit_code, asked.output) == (0, CliRunner().invoke(app, ["version"]).output)
