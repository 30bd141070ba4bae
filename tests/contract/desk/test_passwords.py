"""What keeps passwords: argon2id at its full price, for those who are nobody, too."""

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type

from desk.passwords import _NOBODY, Passwords, hash_password


def test_passwords_are_argon2id() -> None:
    parameters = extract_parameters(hash_password("correct horse"))
    assert parameters.type is Type.ID
    assert parameters.memory_cost >= 65536


async def test_nobodys_password_is_checked_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords, checked = Passwords(), []
    matches = passwords._matches

    def spy(stored: str, password: str) -> bool:
        checked.append(stored)
        return matches(stored, password)

    monkeypatch.setattr(passwords, "_matches", spy)
    assert not await passwords.check(None, "correct horse")
    assert checked == [_NOBODY]
    assert not await passwords.check("not a hash", "correct horse")
    assert await passwords.check(hash_password("correct horse"), "correct horse")
