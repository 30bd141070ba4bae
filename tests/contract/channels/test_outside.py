"""A channel that somebody else wrote: built, installed beside us, found, and held to the kit."""

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from channels import registry
from config.problems import ConfigurationError
from config.settings import load
from models.store.ground.sealing import Vault
from tests.contract.channels import test_doors as doors
from tests.contract.channels import test_payloads as reading
from tests.contract.channels import test_voices as voices
from tests.contract.channels.conftest import Line, Opening
from tests.contract.channels.drivers.pager import Pager
from tests.contract.channels.kit import payloads
from workers.assembly.wiring import make_channels

SOURCE = Path(__file__).parent / "outside"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built from its source and installed into a folder of its own."""
    # Copied: a build leaves its traces beside the source.
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("target")
    for name in ("pyproject.toml", "shouli_pager.py"):
        (source / name).write_text((SOURCE / name).read_text("utf-8"), "utf-8")
    install = ["install", "--no-index", "--no-deps", "--no-build-isolation", "--quiet"]
    subprocess.run(
        [sys.executable, "-m", "pip", *install, "--target", target, source],
        check=True, capture_output=True,
    )  # fmt: skip
    return target


@pytest.fixture
def pager(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Pager:
    monkeypatch.syspath_prepend(str(installed))
    importlib.invalidate_caches()
    return Pager()


def test_it_is_found_by_its_entry_point(pager: Pager, tmp_path: Path) -> None:
    assert "pager" in registry.names()
    settings = tmp_path / "shouli.toml"
    settings.write_text('[channels.pager]\ntoken = "t"\ngateway = "http://127.0.0.1:9"\n')
    opened = make_channels(load(settings, environ={}, folder=tmp_path), Vault(b"k" * 32))
    assert opened["pager"].name == "pager"
    settings.write_text("[channels.pager]\ncolour = 1\n")
    with pytest.raises(ConfigurationError, match=r"channels\.pager\.colour"):
        make_channels(load(settings, environ={}, folder=tmp_path), Vault(b"k" * 32))


CORE: tuple[Callable[[Line], Any], ...] = (
    doors.test_acknowledged_only_after_the_commit,
    doors.test_a_failing_store_is_the_platforms_own_try_again,
    doors.test_a_platform_that_delivers_again_changes_nothing,
    doors.test_a_platform_that_reorders_is_put_in_order,
)


@pytest.mark.parametrize("check", CORE, ids=lambda check: check.__name__)
async def test_it_receives_as_the_kit_demands(
    pager: Pager, opening: Opening, check: Callable[[Line], Any]
) -> None:
    await check(await opening(pager))


async def test_it_lets_nobody_else_in(
    pager: Pager, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    await doors.test_nobody_else_is_let_in(await opening(pager), monkeypatch)


async def test_it_tells_no_secret(pager: Pager, opening: Opening) -> None:
    await doors.test_no_secret_is_logged(pager, opening)


def test_it_reads_as_the_kit_demands(pager: Pager) -> None:
    reading.test_nonsense_is_permanent(pager)
    for payload in payloads(pager):
        reading.test_what_is_read(payload)
        reading.test_reading_twice_is_reading_once(payload)


async def test_it_speaks_as_the_kit_demands(pager: Pager) -> None:
    await voices.test_a_long_answer_arrives_whole_in_parts_that_fit(pager)
    await voices.test_a_platform_that_is_not_there_is_tried_again(pager)
    await voices.test_what_was_said_in_part_is_not_said_again(pager)
    for name in pager.outcomes():
        await voices.test_what_became_of_it(pager, name)


async def test_the_kit_finds_what_is_wrong(pager: Pager, opening: Opening) -> None:
    """An outside channel that acknowledges before the commit does not pass."""
    line = await opening(pager)
    receive = line.house.accept

    async def eager(envelopes: Any) -> Any:
        if not line.house.gate.is_set():
            line.house.entered.set()
            return []
        return await receive(envelopes)

    door = line.house.channel._door  # type: ignore[attr-defined]
    object.__setattr__(door, "accept", eager)
    with pytest.raises(AssertionError):
        await doors.test_acknowledged_only_after_the_commit(line)
