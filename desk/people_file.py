"""The list of people as a file: one line each, as a spreadsheet writes and reads it."""

import codecs
import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from desk import sheets
from desk.sheets import Sheet
from models.agent import ROLE_NAMES, Agent
from models.errors import Rejected

COLUMNS: Mapping[str, tuple[str, str]] = {
    "login": ("账号", "Login"),
    "name": ("姓名", "Name"),
    "alias": ("花名", "Alias"),
    "team": ("班组", "Team"),
    "role": ("角色", "Role"),
    "capacity": ("容量", "Capacity"),
    "skills": ("技能", "Skills"),
}
"""What stands over each column; on reading, either language or both will do."""

_WORKBOOK = b"PK\x03\x04"
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_DELIMITERS = ",;\t"
"""A spreadsheet takes what the system's region has for lists; “Unicode text” has tabs."""

_SKILL = re.compile(r"([^=＝]+?)\s*[=＝]\s*([1-5])(?:[;；,，、\s]+|$)")
_GUARDED = re.compile("'[=+@\t\r＝＋－＠-]")
"""What ``sheets.as_csv`` puts before a cell that would be run as a formula."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line under the heads: ``number`` is that of the spreadsheet, whose heads are line 1."""

    number: int
    cells: Mapping[str, str]


def read(content: bytes) -> list[Row]:
    """The lines of a CSV file that are not blank, each with a cell for every column it has.

    UTF-8, with or without a byte order mark; UTF-16 with one; else GB18030, in which Excel in
    China writes CSV. Commas, semicolons or tabs are between the cells.

    Raises:
        Rejected: it is no such file, or its columns are not those of ``COLUMNS``.
    """
    text = _decoded(content)
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        table = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise Rejected(
            f"这不是完整的 CSV：{error}。请用表格软件另存一次。"
            f" / This is no whole CSV file: {error}. Save it once more from a spreadsheet."
        ) from error
    if not table:
        raise Rejected("文件是空的。 / The file is empty.")
    names = _named(table[0])
    return [
        Row(number, _cells(number, names, cells))
        for number, cells in enumerate(table[1:], 2)
        if any(cell.strip() for cell in cells)
    ]


def _decoded(content: bytes) -> str:
    if content.startswith(_WORKBOOK):
        raise Rejected(
            "这是 Excel 工作簿，请在表格软件里另存为 CSV（UTF-8）再导入。"
            " / This is a workbook: save it as CSV (UTF-8) first."
        )
    encodings = ["utf-16"] if content.startswith(_WIDE) else ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Rejected(
        "认不出文件的编码，请在表格软件里另存为 CSV（UTF-8）。"
        " / The encoding is not known: save the file as CSV (UTF-8)."
    )


def _named(heads: Sequence[str]) -> list[str | None]:
    """The key of each column; None where nothing stands over it."""
    known = {key: key for key in COLUMNS}
    known |= {form.casefold(): key for key, (zh, en) in COLUMNS.items() for form in (zh, en)}
    known |= {f"{zh} {en}".casefold(): key for key, (zh, en) in COLUMNS.items()}
    names: list[str | None] = []
    for head in heads:
        name = " ".join(head.split()).casefold()
        if name and name not in known:
            listed = "、".join(zh for zh, _ in COLUMNS.values()), ", ".join(COLUMNS)
            raise Rejected(
                f"不认识的列“{head}”，请删去；可以有的列：{listed[0]}。"
                f" / Unknown column “{head}”, leave it out; there are: {listed[1]}."
            )
        names.append(known[name] if name else None)
    if "login" not in names:
        raise Rejected(
            "第一行应是列名，其中要有“账号”。 / The first line must name the columns, with login."
        )
    for name in COLUMNS:
        if names.count(name) > 1:
            zh, en = COLUMNS[name]
            raise Rejected(f"“{zh}”有两列。 / There are two columns {en}.")
    return names


def _cells(number: int, names: Sequence[str | None], cells: Sequence[str]) -> dict[str, str]:
    """By column; a line that ends early has empty ones."""
    found = {name: "" for name in names if name}
    for place, cell in enumerate(cells):
        text = cell.strip()
        name = names[place] if place < len(names) else None
        if name:
            found[name] = text[1:] if _GUARDED.match(text) else text
        elif text:
            raise Rejected(
                f"第 {number} 行的“{text}”上面没有列名。"
                f" / “{text}” in line {number} has no column name over it."
            )
    return found


def skills_of(text: str) -> dict[str, int] | None:
    """“domain:物流=3; lang:en=2”: skills and their levels; None if it is not written like that.

    Semicolons, commas, spaces or line breaks are between them, also the wide ones.
    """
    skills, at = {}, 0
    while at < len(text):
        found = _SKILL.match(text, at)
        if not found:
            return None
        skills[found[1].replace("：", ":").strip()] = int(found[2])
        at = found.end()
    return skills


def written(people: Sequence[Agent]) -> bytes:
    """The file of these people, which ``read`` reads again."""
    heads = [f"{zh} {en}" for zh, en in COLUMNS.values()]
    return sheets.as_csv(Sheet("坐席 People", heads, [_line(one) for one in people]))


def _line(one: Agent) -> list[str]:
    skills = "; ".join(f"{skill}={level}" for skill, level in sorted(one.skills.items()))
    role = ROLE_NAMES[one.role][0]
    return [one.login, one.name, one.alias, one.team, role, str(one.capacity), skills]
