"""Every refusal has its status, its word, and a sentence in both languages."""

import ast
from pathlib import Path

import pytest

from desk.errors import CONFLICTS, refusal_of
from models import store
from models.errors import (
    Conflict,
    NotFound,
    Permanent,
    Rejected,
    ShouliError,
    StorageFull,
    Temporary,
)

UNSEEN = {
    "the lease on these envelopes has run out",
    "somebody else reads this account now",
    "the agent was interrupted already",
    "there is nothing left to interrupt",
    "this account was disabled meanwhile",
    "another password was set meanwhile",
    "another second factor was set meanwhile",
    "this session has ended meanwhile",
    "a login of the list was taken meanwhile",
    "somebody of the list was changed meanwhile",
}
"""Conflicts that only workers meet, three that signing in calls wrong credentials, one that is
answered as to a stranger, and two of lists of people, of which one is told to look again.
"""


def _conflicts() -> set[str]:
    """The fixed sentences of every ``Conflict`` that the store raises."""
    found = set()
    sources = (path.read_text("utf-8") for path in Path(store.__file__).parent.rglob("*.py"))
    for source in sources:
        if "Conflict" not in source:  # to parse them all takes a fifth of a second
            continue
        for node in ast.walk(ast.parse(source)):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "Conflict"
                and isinstance(node.args[0], ast.Constant)
            ):
                found.add(node.args[0].value)
    return found


def test_the_stores_conflicts_all_have_chinese() -> None:
    assert _conflicts() - UNSEEN == set(CONFLICTS)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("no such ticket"), 404),
        (Conflict("somebody else was faster"), 409),
        (Rejected("no"), 422),
        (Temporary("locked"), 503),
        (StorageFull("full"), 503),
        (Permanent("broken"), 500),
    ],
)
def test_status_of(error: ShouliError, status: int) -> None:
    refusal = refusal_of(error)
    assert refusal.status == status
    assert refusal.code == error.code
    assert refusal.words.zh
    assert refusal.words.en


def test_a_database_error_shows_no_internals_and_when_to_come_back() -> None:
    refusal = refusal_of(Temporary("could not connect to db.internal:5432"))
    assert "db.internal" not in refusal.words.en
    assert refusal.retry_after == 5


def test_a_full_disk_is_told_as_one_and_not_as_a_database_that_is_away() -> None:
    refusal = refusal_of(StorageFull("the database's disk is full"))
    assert (refusal.status, refusal.code, refusal.retry_after) == (503, "storage_full", 5)
    assert refusal.words.zh.startswith("服务器的磁盘满了，没有保存")
    assert refusal.words.en.startswith("The server's disk is full and nothing was saved")


def test_a_sentence_begins_with_a_capital_and_keeps_its_own() -> None:
    refusal = refusal_of(Rejected("the files of an answer are 15 MB at most, together"))
    assert refusal.words.en == "The files of an answer are 15 MB at most, together."


def test_an_unknown_conflict_still_says_what_to_do() -> None:
    refusal = refusal_of(Conflict("a ticket cannot go from new to closed"))
    assert refusal.words.zh == "状态已经变化，请刷新后再试。"
    assert refusal.words.en == "A ticket cannot go from new to closed."
