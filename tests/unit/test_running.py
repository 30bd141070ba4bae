"""What ``shouli run`` keeps running, and the doors that it looks at."""

import asyncio
import resource
import socket

import pytest

from models.errors import ShouliError
from workers.commands.running import roles
from workers.processes.living import ROLES
from workers.roles.door import MOST_FILES, allow_many_files, make_sure_of, until_open


def test_every_role_runs_once() -> None:
    assert roles(1) == [(role, role) for role in ROLES]


def test_more_work_processes_have_names_of_their_own() -> None:
    kept = roles(3)
    assert [role for _, role in kept].count("work") == 3
    assert len({name for name, _ in kept}) == len(kept) == len(ROLES) + 2


def test_a_port_that_another_program_has_is_told_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ShouliError, match=f"Cannot listen on 127.0.0.1:{port}"):
            make_sure_of("127.0.0.1", port)
    make_sure_of("127.0.0.1", port)


async def test_a_door_is_open_when_somebody_listens() -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
        opened = asyncio.create_task(until_open("127.0.0.1", port))
        done, _ = await asyncio.wait({opened}, timeout=0.02)
        assert not done
        door.listen()
        await asyncio.wait_for(opened, 2.0)


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
