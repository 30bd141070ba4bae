"""Following the training process, while the database comes and goes."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from models.errors import StorageFull, Temporary
from models.store import Store
from models.store.learning.retrainings import Work
from models.training import Taxonomy
from workers.learning import retrain
from workers.learning.retrain import Options, Retrainer, _Stopped

WORK = Work("run", "lease", 0)


class Retrainings:
    """Answers each word of progress as the test says."""

    def __init__(self, answers: Sequence[bool | Exception]) -> None:
        self.answers = list(answers)

    async def tell(self, *_: Any) -> bool:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    finish = tell


def training(*lines: dict[str, Any]) -> asyncio.subprocess.Process:
    stdout = asyncio.StreamReader()
    for line in lines:
        stdout.feed_data(json.dumps(line).encode() + b"\n")
    return cast("asyncio.subprocess.Process", SimpleNamespace(stdout=stdout))


def retrainer(retrainings: Retrainings, folder: Path, *, stopping: bool = False) -> Retrainer:
    store = cast("Store", SimpleNamespace(retrainings=retrainings))
    taxonomy = Taxonomy.model_construct()
    return Retrainer(store, folder, taxonomy, Options({}, 512), lambda: stopping)


async def test_a_database_that_is_away_does_not_end_a_training(tmp_path: Path) -> None:
    retrainings = Retrainings([Temporary("database is locked")])
    child = training({"stage": "fold", "share": 0.3}, {"bundle": "b", "outcome": {}})
    last = await retrainer(retrainings, tmp_path)._follow(WORK, child)
    assert (last["bundle"], retrainings.answers) == ("b", [])


async def test_what_was_taken_away_meanwhile_is_not_gone_on_with(tmp_path: Path) -> None:
    child = training({"stage": "fold", "share": 0.3}, {"bundle": "b", "outcome": {}})
    with pytest.raises(_Stopped):
        await retrainer(Retrainings([False]), tmp_path)._follow(WORK, child)


async def test_a_challenger_is_stored_once_the_database_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrain, "_TELL_SECONDS", 0.0)
    retrainings = Retrainings([Temporary("away"), Temporary("away"), True])
    assert await retrainer(retrainings, tmp_path)._finished(WORK, "bundle")
    assert retrainings.answers == []


async def test_a_challenger_is_given_up_when_the_lease_has_run_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrain, "_LEASE_SECONDS", -1.0)
    with pytest.raises(Temporary):
        await retrainer(Retrainings([Temporary("away"), True]), tmp_path)._finished(WORK)


async def test_who_is_to_stop_and_whose_disk_is_full_does_not_wait(tmp_path: Path) -> None:
    away = Retrainings([Temporary("away"), True])
    with pytest.raises(_Stopped):
        await retrainer(away, tmp_path, stopping=True)._finished(WORK)
    with pytest.raises(StorageFull):
        await retrainer(Retrainings([StorageFull("full"), True]), tmp_path)._finished(WORK)
