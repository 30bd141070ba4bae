"""What is declared, locked and packaged is the same thing."""

import re
import tomllib
from importlib import resources
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;]+)", re.MULTILINE)


def _pins(lock: str) -> dict[str, str]:
    text = (ROOT / "requirements" / lock).read_text("utf-8")
    return {_normal(name): version for name, version in _PIN.findall(text)}


def _normal(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def _declared(*extras: str) -> set[str]:
    project = PROJECT["project"]
    wanted = [*project["dependencies"]]
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    return {_normal(requirement) for requirement in wanted}


def test_everything_declared_is_locked_and_tests_run_on_what_runs() -> None:
    run, dev = _pins("run.lock"), _pins("dev.lock")
    assert _declared("build") <= set(run)
    assert _declared("build", "dev") <= set(dev)
    assert run.items() <= dev.items()


@pytest.mark.parametrize("lock", ["run.lock", "dev.lock"])
def test_a_lock_pins_by_hash_and_says_nothing_of_where_from(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text("utf-8")
    for entry in re.split(r"\n(?=[A-Za-z])", text):
        assert "==" in entry
        assert "--hash=sha256:" in entry
    assert not re.search(r"https?:|file:|--index|--extra-index|--find-links|@ ", text)


@pytest.mark.parametrize("lock", ["run.lock", "dev.lock"])
def test_every_python_runs_on_the_same_major_versions(lock: str) -> None:
    """These tests run on one Python at a time: another major version may behave otherwise."""
    text = (ROOT / "requirements" / lock).read_text("utf-8")
    majors: dict[str, set[str]] = {}
    for name, major in re.findall(r"^([\w.-]+)==(\d+)", text, re.MULTILINE):
        majors.setdefault(name, set()).add(major)
    assert {name: found for name, found in majors.items() if len(found) > 1} == {}


def test_every_package_folder_is_declared() -> None:
    declared = set(PROJECT["tool"]["setuptools"]["packages"])
    for top in {name.partition(".")[0] for name in declared}:
        for init in (ROOT / top).rglob("__init__.py"):
            assert ".".join(init.parent.relative_to(ROOT).parts) in declared
    assert (resources.files("config") / "default.toml").is_file()
