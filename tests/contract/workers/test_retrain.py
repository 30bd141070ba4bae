"""The training process, killed and cancelled: the champion serves on, and the run says why.

``RETRAIN_KILLS`` random moments: 3, over SQLite; ``make campaign``: 20 over SQLite and 20 over
PostgreSQL.
"""

import asyncio
import os
import random
import signal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from classifier import bundles
from classifier.examples import Example
from classifier.text import Text
from classifier.train import train
from models.store import Store, open_store
from models.store.learning.retrainings import Retrainings, Work
from models.training import Taxonomy
from tests import smaller
from tests.contract.store import makers
from tests.contract.workers.small_bundle import SENTENCES, TAXONOMY, small_bundle
from tests.databases import migrated_sqlite
from workers.learning import retrain
from workers.learning.retrain import Options, Retrainer
from workers.learning.serving import Serving, opened

FEW = 3
KILLS = int(os.environ.get("RETRAIN_KILLS", FEW))
DATABASES = ["sqlite"] if KILLS == FEW else ["sqlite", "postgresql"]


class House:
    """A store with a champion, a worker that serves, and a retrainer."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.folder = folder
        self.stopping = False
        self.serving = Serving(store, folder / "bundles", TAXONOMY)
        self.options = Options({"urgency:紧急": 0.0}, 3072)

    async def run(self) -> None:
        await Retrainer(
            self.store, self.folder, TAXONOMY, self.options, lambda: self.stopping
        ).run()

    async def started(self) -> "asyncio.Task[None]":
        """A run that is on its way, its process alive."""
        await self.store.retrainings.ask(None)
        return asyncio.create_task(self.run())

    async def stage(self, stage: str) -> None:
        async with asyncio.timeout(60):
            while (await self.store.retrainings.latest(1))[0].stage != stage:
                await asyncio.sleep(0.05)

    async def untouched(self, champion: str) -> None:
        """The champion is the champion, serves, and nothing half-made lies about."""
        assert await self.store.bundles.champion() == champion
        await self.serving.refresh()
        assert self.serving.bundle == champion
        assert len(await self.store.bundles.cards()) == 1
        assert not list((self.folder / "retraining").iterdir())


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    path = bundles.save(small_bundle(), tmp_path_factory.mktemp("champion"))
    return path.name, bundles.pack(path)


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return migrated_sqlite(tmp_path)
    return str(request.getfixturevalue("migrated_postgres_url"))


@pytest.fixture(autouse=True)
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What every training process runs first."""
    folder = tmp_path / "planted"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(smaller.SITECUSTOMIZE)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder / "sitecustomize.py"


@pytest.fixture
async def house(  # type: ignore[no-untyped-def]
    tmp_path: Path, packed: tuple[str, bytes], database_url: str
):
    store = open_store(
        database_url,
        master_key=b"m" * 32,
        blob_dir=tmp_path / "blobs",
        zone=ZoneInfo("Asia/Shanghai"),
    )
    name, content = packed
    await store.bundles.add(name, {"id": name}, content)
    await store.bundles.promote(name, None)
    yield House(store, tmp_path)
    await store.close()


def children() -> list[int]:
    """Training processes of this test, by the plan they were started for."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().split(b"\0")
                parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
            except OSError:
                continue
            if b"workers.learning.retrain_child" in line and int(parent) == os.getpid():
                found.append(int(entry.name))
    return found


async def one_child() -> int:
    async with asyncio.timeout(30):
        while not (found := children()):
            await asyncio.sleep(0.01)
    return found[0]


async def test_a_challenger_is_made_from_corrections_and_waits(
    house: House, packed: tuple[str, bytes]
) -> None:
    ticket_id, agent_id = await makers.owned(house.store, text="你们的充电桩一直跳闸")
    await house.store.tickets.correct(ticket_id, agent_id, "domain", "技术")
    await house.store.dictionary.add(["鲲鹏充电卡"], agent_id)
    await (await house.started())
    (run,) = await house.store.retrainings.latest()
    assert (run.state, run.error, run.stage) == ("done", None, "done")
    assert run.outcome is not None
    counts = run.outcome["counts"]
    assert counts["corrections"] == counts["lessons"] + counts["fresh"] == 1
    assert counts["golden"] > 200
    figures = run.outcome["golden"]["type"]["macro_f1"]
    assert figures["difference"] > 0.1  # three sentences against a corpus
    assert run.outcome["verdict"]["passed"]
    # It waits: nothing is promoted by itself.
    assert await house.store.bundles.champion() == packed[0]
    assert run.bundle_id is not None
    await house.store.bundles.promote(run.bundle_id, agent_id, "better")
    await house.serving.refresh()
    assert house.serving.bundle == run.bundle_id
    _, bundle = await opened(house.store, house.folder / "bundles", run.bundle_id)
    assert bundle.taxonomy.words == ("鲲鹏充电卡",)
    assert run.outcome["promoted"] == packed[0]
    assert not list((house.folder / "retraining").iterdir())


@pytest.mark.parametrize("number", range(KILLS))
async def test_killed_at_a_random_point_nothing_changes(
    house: House, packed: tuple[str, bytes], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random points of its way, from the start to the last fit."""
    chance = random.Random(number)
    share, moment = chance.uniform(0.0, 0.55), chance.uniform(0.0, 0.2)
    monkeypatch.setattr(retrain, "_TELL_SECONDS", 0.0)
    tell = house.store.retrainings.tell

    async def telling(work: Work, seconds: float, stage: str, at: float, left: object) -> bool:
        if at >= share:
            await asyncio.sleep(moment)
            for pid in children():
                os.kill(pid, signal.SIGKILL)
        return await tell(work, seconds, stage, at, None)

    monkeypatch.setattr(Retrainings, "tell", lambda _self, *told: telling(*told))
    await (await house.started())
    (run,) = await house.store.retrainings.latest()
    assert run.state == "failed", f"killed at {share:.2f} and {moment:.2f} s"
    assert run.error is not None
    assert "SIGKILL" in run.error["zh"]
    await house.untouched(packed[0])
    await house.store.retrainings.ask(None)  # and it may be started again


async def test_cancelled_while_it_trains_its_process_is_gone(
    house: House, packed: tuple[str, bytes]
) -> None:
    running = await house.started()
    await one_child()
    (run,) = await house.store.retrainings.latest()
    await house.store.retrainings.cancel(run.id, None)
    async with asyncio.timeout(5):
        await running
    assert (await house.store.retrainings.latest())[0].state == "cancelled"
    assert not children()
    await house.untouched(packed[0])


async def test_a_worker_that_stops_takes_its_training_along(
    house: House, packed: tuple[str, bytes]
) -> None:
    running = await house.started()
    await one_child()
    house.stopping = True
    async with asyncio.timeout(5):
        await running
    (run,) = await house.store.retrainings.latest()
    assert run.state == "failed"
    assert not children()
    await house.untouched(packed[0])


async def test_too_little_memory_is_said_and_harms_nobody(
    house: House, packed: tuple[str, bytes]
) -> None:
    house.options = Options({}, 256)
    await (await house.started())
    (run,) = await house.store.retrainings.latest()
    assert run.state == "failed"
    assert run.error is not None
    await house.untouched(packed[0])


async def test_a_full_disk_is_said_and_harms_nobody(
    house: House, packed: tuple[str, bytes], planted: Path
) -> None:
    """The training process may write files of 1 MB at most; a bundle's weights are larger."""
    planted.write_text(
        f"{smaller.SITECUSTOMIZE}\nimport resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
    )
    await (await house.started())
    (run,) = await house.store.retrainings.latest()
    assert run.state == "failed"
    assert run.error is not None
    assert "新模型写不下" in run.error["zh"]
    await house.untouched(packed[0])


async def test_a_corrupt_champion_is_not_compared_with_and_the_one_before_serves(
    house: House, packed: tuple[str, bytes]
) -> None:
    await house.store.bundles.add("f" * 32, {}, b"PK no zip at all")
    await house.store.bundles.promote("f" * 32, None)
    await house.serving.refresh()
    assert house.serving.bundle == packed[0]
    found = await retrain.serviceable(house.store, house.folder / "bundles", TAXONOMY)
    assert found is not None
    assert found[0] == packed[0]


async def test_bundles_of_another_taxonomy_do_not_serve(
    house: House, packed: tuple[str, bytes]
) -> None:
    others = {"type": TAXONOMY.facets["type"]}
    other = Taxonomy(version="other", facets=others)
    data = [
        Example(Text(sentence.format(number)), {"type": kind})
        for kind, sentence in SENTENCES.items()
        for number in range(6)
    ]
    path = bundles.save(train(data, other, now=0.0), house.folder / "foreign")
    await house.serving.refresh()
    await house.store.bundles.add(path.name, {}, bundles.pack(path))
    await house.store.bundles.promote(path.name, None)
    await house.serving.refresh()
    assert house.serving.bundle == packed[0]
