"""What ``shouli run`` keeps running, and how many files its doors may have open."""

import resource

import pytest

from workers.commands.running import roles
from workers.processes.heartbeat import ROLES
from workers.roles.door import MOST_FILES, allow_many_files


def test_every_role_runs_once() -> None:
    assert roles(1) == [(role, role) for role in ROLES]


def test_more_work_processes_have_names_of_their_own() -> None:
    kept = roles(3)
    assert [role for _, role in kept].count("work") == 3
    assert len({name for name, _ in kept}) == len(kept) == len(ROLES) + 2


@pytest.mark.parametrize(
    ("soft", "hard", "set_to"),
    [
        (1024, 4096, (4096, 4096)),
        (1024, 10**6, (MOST_FILES, 10**6)),
        (1024, resource.RLIM_INFINITY, (MOST_FILES, resource.RLIM_INFINITY)),
        (MOST_FILES, 10**6, None),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, None),
    ],
)
def test_doors_take_as_many_files_as_the_system_allows(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, set_to: tuple[int, int] | None
) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _which, limits: given.append(limits))
    allow_many_files()
    assert given == ([] if set_to is None else [set_to])
