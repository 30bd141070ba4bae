"""What ``shouli run`` keeps running."""

from workers.roles import ROLES
from workers.running import roles


def test_every_role_runs_once() -> None:
    assert roles(1) == [(role, role) for role in ROLES]


def test_more_work_processes_have_names_of_their_own() -> None:
    kept = roles(3)
    assert [role for _, role in kept].count("work") == 3
    assert len({name for name, _ in kept}) == len(kept) == len(ROLES) + 2
