"""The files that labelled messages come in: CSV of any spreadsheet, JSON lines, a JSON array."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TextIO

from classifier.tables import Table, TableRefused, split_of
from models import storable

_MOST_CHARACTERS = 10_000_000

_MARKS = (",", "\t", ";")
"""What may stand between cells: that which sets ``text`` apart in the heading."""

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How the workbooks of spreadsheets begin: a ZIP file, or what Excel wrote before 2007."""


def read(
    path: Path, encoding: str = "", called: Mapping[str, str] = MappingProxyType({})
) -> Table:
    """The table in ``path``: CSV, with tabs or semicolons between the cells, or JSON.

    Of JSON an object is a row; they stand one in a line, or all in an array. ``encoding`` is
    UTF-8 by default, or UTF-16 where its first bytes say so. ``called`` has, by their names in
    the file, those columns that are called otherwise here.

    Raises:
        TableRefused: no such file or encoding, a workbook, not in that encoding, no heading, no
            column ``text``, none of a name in ``called``, a row that is longer or shorter than
            the heading, a line or an element that is no JSON object, or no rows.
    """
    try:
        _check_kind(path)
        with path.open(encoding=encoding or _unicode(path), newline="") as file:
            of = _of_json if _is_json(file) else _of_csv
            return of(path.name, file, called)
    except OSError as error:
        raise TableRefused(f"{path}: 读不了 / cannot be read: {error.strerror}") from error
    except LookupError as error:
        raise TableRefused(f"--encoding {encoding}: 没有这种编码 / no such encoding") from error
    except UnicodeError as error:
        told = encoding or "UTF-8"
        raise TableRefused(
            f"{path}: 不是 {told}。中文 Excel 存的 CSV 多半是 --encoding gb18030（港台是 big5）"
            f" / not {told}. CSV from a Chinese Excel is mostly --encoding gb18030 (Taiwan, "
            f"Hong Kong: big5) ({error})"
        ) from error


def columns_called(text: str) -> dict[str, str]:
    """“内容=text,类型=type” as names by the columns of a file.

    Raises:
        TableRefused: it is not written so.
    """
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    called = {column.strip(): name.strip() for column, _, name in pairs}
    if len(called) < len(pairs) or not all((*called, *called.values())):
        raise TableRefused(
            f"--columns {text}: 要写成“文件里的列名=这里的名字”，逗号分隔，每列一次"
            " / a name in the file = a name here, commas between them, each column once: "
            "内容=text,类型=type"
        )
    return called


def _check_kind(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(4) in _WORKBOOKS:
            raise TableRefused(
                f"{path}: 这是工作簿（xlsx、xls），不是 CSV。请在 Excel 或 WPS 里另存为“CSV UTF-8”"
                " / this is a workbook, not CSV: save it as “CSV UTF-8” in the spreadsheet"
            )


def _unicode(path: Path) -> str:
    """Excel’s “Unicode text” is UTF-16 with a byte order mark, its “CSV UTF-8” has one, too.

    UTF-16 without a mark shows in the zeros between the Latin letters of a heading.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if start[1::2] == b"\0\0":
        return "utf-16-le"
    return "utf-16-be" if start[::2] == b"\0\0" else "utf-8-sig"


def _is_json(file: TextIO) -> bool:
    """Whether the first line is an object, or the array that all of them stand in."""
    first = file.readline().strip()
    file.seek(0)
    return first.startswith(("{", "["))


def _of_json(name: str, file: TextIO, called: Mapping[str, str]) -> Table:
    """An object a row; one that lacks a field has an empty cell there."""
    objects = list(_of_array(name, file) if _is_array(file) else _of_lines(name, file))
    columns = tuple(dict.fromkeys(field for each in objects for field in each))
    rows = [{column: each.get(column, "") for column in columns} for each in objects]
    return _table(name, columns, rows, called)


def _is_array(file: TextIO) -> bool:
    begins = file.readline().lstrip().startswith("[")
    file.seek(0)
    return begins


def _of_lines(name: str, file: TextIO) -> Iterator[dict[str, str]]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise TableRefused(
                f"{name}:{number}: 不是 JSON，每行要有一个完整的对象"
                f" / not JSON, of which each line needs a whole object: {error}"
            ) from error
        yield _cells(f"{name}:{number}", value)


def _of_array(name: str, file: TextIO) -> Iterator[dict[str, str]]:
    """As programs write a table of records; its elements are counted from 1."""
    try:
        values = json.load(file)
    except (ValueError, RecursionError) as error:
        raise TableRefused(
            f"{name}: 以“[”开头，却不是一个完整的 JSON 数组"
            f" / begins with “[” and is no whole JSON array: {error}"
        ) from error
    for number, value in enumerate(values, start=1):
        yield _cells(f"{name}[{number}]", value)


def _cells(where: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TableRefused(f"{where}: 要有一个 JSON 对象 / a JSON object is needed here")
    return {storable.text(field).strip(): _written(each) for field, each in value.items()}


def _written(value: Any) -> str:
    """As a cell says it: nothing for null, JSON for what is no string.

    Programs cut texts in the middle of an emoji; half of one cannot be written to any file, and
    a bundle was not, after all of its training.
    """
    if value is None:
        return ""
    told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return storable.text(told)


def _of_csv(name: str, file: TextIO, called: Mapping[str, str]) -> Table:
    csv.field_size_limit(_MOST_CHARACTERS)
    reader = csv.reader(file, delimiter=_mark(file, called), strict=True)
    try:
        heading = [column.strip() for column in next(reader, [])]
        rows = [_named(name, reader.line_num, heading, cells) for cells in reader if cells]
    except csv.Error as error:
        raise TableRefused(
            f"{name}:{reader.line_num}: 不是 CSV，多半是引号没有配对"
            f" / not CSV, mostly for a quotation mark without its other: {error}"
        ) from error
    return _table(name, tuple(column for column in heading if column), rows, called)


def _mark(file: TextIO, called: Mapping[str, str]) -> str:
    """That which sets ``text`` apart; where nothing does, the one that is there most often."""
    heading = file.readline()
    file.seek(0)
    text = {"text", *(column for column, name in called.items() if name == "text")}
    apart = [mark for mark in _MARKS if text.intersection(_names(heading, mark))]
    return apart[0] if apart else max(_MARKS, key=heading.count)


def _names(heading: str, mark: str) -> list[str]:
    return [name.strip().strip('"').strip() for name in heading.split(mark)]


def _named(name: str, line: int, heading: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """The cells by their columns; those without a name, which spreadsheets add, must be empty."""
    nameless = [cell for column, cell in zip(heading, cells, strict=False) if not column]
    if len(cells) != len(heading) or any(map(str.strip, nameless)):
        raise TableRefused(
            f"{name}:{line}: 列数与表头不符，或没有列名的一格里有内容"
            " / another number of columns than the heading has, or something in a column that has "
            "no name"
        )
    return {column: cell for column, cell in zip(heading, cells, strict=True) if column}


def _table(
    name: str,
    columns: Sequence[str],
    rows: Sequence[Mapping[str, str]],
    called: Mapping[str, str],
) -> Table:
    told = ", ".join(columns) or "–"
    missing = [column for column in called if column not in columns]
    if missing:
        raise TableRefused(
            f"{name}: --columns 里的“{missing[0]}”没有这一列，现有"
            f" / no column “{missing[0]}” as --columns has it, there are: {told}"
        )
    named = tuple(called.get(column, column) for column in columns)
    if "text" not in named:
        raise TableRefused(
            f"{name}: 没有 text 列，现有 / no column “text”, there are: {told}. "
            f"（写明消息是哪一列 / say which column has the messages: "
            f"--columns {_wordiest(columns, rows)}=text）"
        )
    if len(set(named)) < len(named):
        raise TableRefused(f"{name}: 有同名的列 / two columns have the same name")
    if not rows:
        raise TableRefused(f"{name}: 没有数据行 / there are no rows")
    cells = (dict(zip(named, row.values(), strict=True)) for row in rows)
    return Table(name, named, tuple(map(_tidy, cells)))


def _wordiest(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    """The column that has most to say: mostly that of the messages."""
    return max(columns, key=lambda column: sum(len(row[column]) for row in rows), default="内容")


def _tidy(row: Mapping[str, str]) -> dict[str, str]:
    cells = {
        column: value if column in {"text", "subject"} else value.strip()
        for column, value in row.items()
    }
    if "split" in cells:
        cells["split"] = split_of(cells["split"])
    return cells
