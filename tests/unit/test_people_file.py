"""The list of people as a spreadsheet writes it, in whatever encoding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.people_file import COLUMNS, read, skills_of, written
from models.agent import Agent, Presence, Role, guessable, initial_password
from models.errors import Rejected

LIST = "账号,姓名,技能\r\nli,李雷,domain:物流=3; lang:en=2\r\n,,\r\nwang,王芳,\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_list_is_read_in_whatever_a_spreadsheet_writes(encoding: str) -> None:
    rows = read(LIST.encode(encoding))
    assert [(row.number, row.cells["login"], row.cells["name"]) for row in rows] == [
        (2, "li", "李雷"), (4, "wang", "王芳"),
    ]  # fmt: skip
    assert rows[1].cells["skills"] == ""
    assert "role" not in rows[0].cells, "there is no such column"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    "heads", [("login", "name"), ("账号", "姓名"), ("LOGIN ", "Name"), ("账号 Login", "姓名 Name")]
)
def test_columns_are_known_by_either_language(delimiter: str, heads: tuple[str, str]) -> None:
    text = f"{delimiter.join(heads)}\nli{delimiter}李雷"
    (row,) = read(text.encode())
    assert row.cells == {"login": "li", "name": "李雷"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"PK\x03\x04...", "Excel"),
        (b"", "空"),
        (b"\xff\xff\xff\xff", "编码"),
        ("姓名\n李雷".encode(), "账号"),
        ("账号,电话\nli,1".encode(), "电话"),
        ("账号,login\nli,li".encode(), "两列"),
        ("账号,\nli,多出来的".encode(), "多出来的"),
        ("账号,姓名\nli,李雷,多的".encode(), "多的"),
        ('账号,姓名\nli,"李雷'.encode(), "CSV"),
    ],
)
def test_what_is_no_such_list_is_refused_with_the_remedy(content: bytes, told: str) -> None:
    with pytest.raises(Rejected) as refused:
        read(content)
    zh, _, en = str(refused.value).partition(" / ")
    assert told in zh
    assert en


@pytest.mark.parametrize(
    ("text", "skills"),
    [
        ("", {}),
        ("domain:物流=3", {"domain:物流": 3}),
        ("domain:物流=3;lang:en=2", {"domain:物流": 3, "lang:en": 2}),
        ("domain：物流＝3； lang:en=2，lang:ja=1", {"domain:物流": 3, "lang:en": 2, "lang:ja": 1}),
        ("domain:物流=3 lang:en=2\nlang:ja=1", {"domain:物流": 3, "lang:en": 2, "lang:ja": 1}),
        ("group:VIP support = 5", {"group:VIP support": 5}),
        ("domain:物流", None),
        ("domain:物流=6", None),
        ("domain:物流=9 lang:en=2", None),
        ("domain:物流=33", None),
    ],
)  # fmt: skip
def test_skills_are_written_with_their_levels(text: str, skills: dict[str, int] | None) -> None:
    assert skills_of(text) == skills


_WORD = st.text("李雷Aa1 '=+-@;,\"物流", max_size=12).map(str.strip)
_SKILL = st.text("domain:物流 VIP,;-+@'", min_size=1, max_size=12).map(lambda s: s.strip(" ;,"))


@given(
    name=_WORD.filter(lambda name: name and not name.startswith("'")),
    team=_WORD.filter(lambda team: not team.startswith("'")),
    role=st.sampled_from(Role),
    skills=st.dictionaries(_SKILL.filter(lambda s: s and s[0] != "'"), st.integers(1, 5)),
)
def test_what_is_written_is_read_again(
    name: str, team: str, role: Role, skills: dict[str, int]
) -> None:
    one = Agent("1", "-li", name, role, Presence.OFFLINE, 6, 0, skills, team)
    (row,) = read(written([one]))
    assert row.cells.keys() == COLUMNS.keys()
    assert (row.cells["login"], row.cells["name"], row.cells["team"]) == ("-li", name, team)
    assert skills_of(row.cells["skills"]) == skills


def test_an_initial_password_would_be_taken_and_is_another_each_time() -> None:
    made = {initial_password("chen") for _ in range(200)}
    assert len(made) == 200
    assert not any(guessable(password, "chen") for password in made)
    assert not any(set(password) & set("01loi") for password in made)
