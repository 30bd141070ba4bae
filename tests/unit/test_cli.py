"""What the command line says of errors."""

import pytest

from models.errors import NotFound, ShouliError, StorageFull, Temporary
from workers.commands.app import _in_both


@pytest.mark.parametrize(
    ("error", "zh"),
    [
        (Temporary("the database cannot be reached: refused"), "暂不可用"),
        (StorageFull("the database's disk is full"), "磁盘满了"),
        (NotFound("no bundle x"), "没有找到"),
    ],
)
def test_an_error_of_the_store_is_told_in_both_languages(error: ShouliError, zh: str) -> None:
    told = _in_both(error)
    assert zh in told
    assert told.endswith(f" / {error}")


def test_one_that_says_itself_in_both_is_not_told_twice() -> None:
    assert _in_both(Temporary("数据库很忙 / The database is busy")) == (
        "数据库很忙 / The database is busy"
    )
