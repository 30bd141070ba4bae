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
