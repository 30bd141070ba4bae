"""A start leaves a classifier that serves, after an upgrade too."""

from pathlib import Path

import pytest

from classifier import bundles, train
from classifier.train import TrainingRefused
from config.settings import load
from models.store import Store
from tests.contract.workers.test_retrain import TAXONOMY, small_bundle
from workers.setup import first_bundle


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where the seed was trained to; a bundle that is trained in a moment stands for it."""
    folders: list[Path] = []

    def quick(folder: Path, _taxonomy: object) -> str:
        folders.append(folder)
        return bundles.save(small_bundle(), folder).name

    monkeypatch.setattr(train, "train_seed", quick)
    return folders


async def _start(store: Store, folder: Path) -> list[str]:
    said: list[str] = []
    settings = load(environ={"SHOULI_DATA_DIR": str(folder)}, folder=folder)
    await first_bundle(settings, store, TAXONOMY, said.append)
    return said


async def test_only_a_start_without_a_classifier_trains(
    store: Store, tmp_path: Path, trained: list[Path]
) -> None:
    assert len(await _start(store, tmp_path)) == 1
    assert await _start(store, tmp_path) == []
    assert len(trained) == 1


async def test_a_champion_that_no_longer_fits_is_followed_by_the_seeds(
    store: Store, tmp_path: Path, trained: list[Path]
) -> None:
    await store.bundles.add("f" * 32, {}, b"of an older format")
    await store.bundles.promote("f" * 32, None)
    first, _ = await _start(store, tmp_path)
    assert "不符" in first
    champion = await store.bundles.champion()
    assert champion is not None
    assert champion != "f" * 32
    assert bundles.load(tmp_path / "bundles" / champion).card.id == champion


async def test_a_taxonomy_that_the_seed_does_not_know_stops_no_later_start(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_folder: Path, _taxonomy: object) -> str:
        raise TrainingRefused("no example of 故障")

    monkeypatch.setattr(train, "train_seed", refuse)
    with pytest.raises(TrainingRefused):
        await _start(store, tmp_path)
    await store.bundles.add("f" * 32, {}, b"of an older format")
    await store.bundles.promote("f" * 32, None)
    await _start(store, tmp_path)
    assert await store.bundles.champion() == "f" * 32
