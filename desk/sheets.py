"""Tables as files that people open in a spreadsheet: CSV and .xlsx."""

import csv
import io
import re
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

Cell = str | int | float | datetime | None

MIMES = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

_NO_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for a formula where a cell begins with it (OWASP, CSV injection);
some programs of East Asia take the wide signs as well.
"""

_NOT_IN_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0 §2.2. One of these in one cell, and no program opens the workbook."""

_LONGEST_CELL = 32_767
"""Characters that Excel takes."""


class Sheet(NamedTuple):
    """One table. ``formats`` are number formats of its columns, “” for none."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    formats: Sequence[str] = ()


def month_span(month: str, zone: tzinfo) -> tuple[float, float]:
    """From when to when a month “2026-11” is, in seconds since the epoch."""
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=zone)
    after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return first.timestamp(), after.timestamp()


def as_csv(sheet: Sheet) -> bytes:
    """UTF-8 with a byte order mark, without which Excel takes it for GBK; RFC 4180 lines.

    A cell that a spreadsheet would run as a formula begins with an apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(sheet.heads)
    writer.writerows([_plain(cell) for cell in row] for row in sheet.rows)
    return out.getvalue().encode("utf-8-sig")


def _plain(cell: Cell) -> Cell:
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S}"
    if isinstance(cell, str) and cell.startswith(_NO_FORMULA):
        return f"'{cell}"
    return cell


def as_xlsx(sheets: Sequence[Sheet]) -> bytes:
    """A workbook with these tables."""
    # Here, because the library brings NumPy along, which no desk needs otherwise.
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    for sheet in sheets:
        _fill(book.create_sheet(sheet.title), sheet)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _fill(page: "Worksheet", sheet: Sheet) -> None:
    from openpyxl.styles import Font, PatternFill
    from openpyxl.utils import get_column_letter

    page.append(list(sheet.heads))
    for cell in page[1]:
        cell.font = Font(bold=True)
        cell.fill = PatternFill("solid", fgColor="E3F3F1")
    for number, row in enumerate(sheet.rows, 2):
        for column, value in enumerate(row, 1):
            _write(page.cell(number, column), value)
    for column, form in enumerate(sheet.formats, 1):
        for number in range(2, len(sheet.rows) + 2):
            page.cell(number, column).number_format = form or "General"
    page.freeze_panes = "B2"
    page.auto_filter.ref = page.dimensions
    for column, head in enumerate(sheet.heads, 1):
        page.column_dimensions[get_column_letter(column)].width = max(14, len(head) + 4)


def _write(cell: Any, value: Cell) -> None:
    """Text stays text, whatever it begins with; what XML cannot hold is left out."""
    from openpyxl.styles import Alignment

    if isinstance(value, str):
        text = _NOT_IN_XML.sub("", value)
        cell.value = text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"
        cell.data_type = "s"
        cell.alignment = Alignment(wrap_text=len(value) > 20, vertical="top")
        return
    cell.value = value
    if isinstance(value, datetime):
        cell.number_format = "yyyy-mm-dd hh:mm:ss"
