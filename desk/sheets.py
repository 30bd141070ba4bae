"""The ledger of complaints as files that people open in a spreadsheet: CSV and .xlsx."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from operator import attrgetter
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from models.complaint import WORD_NAMES
from models.store.ledger import Entry
from models.ticket import STATE_NAMES, TicketState

Cell = str | int | float | datetime | None

_NO_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula where a cell begins with it (OWASP, CSV injection)."""

COLUMNS: Mapping[str, tuple[str, str]] = {
    "number": ("工单号", "Ticket"),
    "complained_at": ("投诉时间", "Complained at"),
    "channel": ("渠道", "Channel"),
    "state": ("状态", "State"),
    "matter": ("投诉事项", "Matter"),
    "domain": ("业务域", "Domain"),
    "cause": ("原因", "Cause"),
    "department": ("责任部门", "Department"),
    "product": ("产品", "Product"),
    "major": ("重大", "Major"),
    "repeats": ("重复于", "Repeats"),
    "owner": ("处理人", "Handler"),
    "first_answer_at": ("首次答复", "First answer"),
    "outcome": ("处理结果", "Outcome"),
    "responsibility": ("责任认定", "Responsibility"),
    "customer_word": ("客户意见", "Customer's word"),
    "customer_said": ("客户原话", "Customer said"),
    "reviewed_by": ("复核人", "Reviewed by"),
    "reviewed_at": ("复核时间", "Reviewed at"),
    "review_passed": ("复核通过", "Passed"),
    "called_back_by": ("回访人", "Called back by"),
    "called_back_at": ("回访时间", "Called back at"),
    "reached": ("回访接通", "Reached"),
    "tasks": ("子任务", "Sub-tasks"),
    "tasks_done": ("已完成子任务", "Sub-tasks done"),
    "improvements": ("改进措施", "Improvements"),
    "improvements_done": ("已完成改进", "Improvements done"),
    "resolved_at": ("解决时间", "Resolved at"),
}

_GROUPS = {
    "department": "责任部门 / Department",
    "cause": "原因 / Cause",
    "product": "产品 / Product",
}


def _shown(name: str, entry: Entry, zone: tzinfo) -> Cell:
    value = getattr(entry, name)
    if value is None:
        return None
    if name.endswith("_at"):
        return datetime.fromtimestamp(value, UTC).astimezone(zone).replace(tzinfo=None)
    if isinstance(value, bool):
        return "是 Yes" if value else "否 No"
    if name == "state":
        return " ".join(STATE_NAMES[TicketState(value)])
    if name == "customer_word":
        return " ".join(WORD_NAMES[value])
    return value  # type: ignore[no-any-return]


def _rows(entries: Sequence[Entry], zone: tzinfo) -> list[list[Cell]]:
    return [[_shown(name, entry, zone) for name in COLUMNS] for entry in entries]


def _heads() -> list[str]:
    return [f"{zh} {en}" for zh, en in COLUMNS.values()]


def as_csv(entries: Sequence[Entry], zone: tzinfo) -> bytes:
    """UTF-8 with a byte order mark, without which Excel takes it for GBK; RFC 4180 lines.

    A cell that a spreadsheet would run as a formula begins with an apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_heads())
    writer.writerows([_plain(cell) for cell in row] for row in _rows(entries, zone))
    return out.getvalue().encode("utf-8-sig")


def _plain(cell: Cell) -> Cell:
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S}"
    if isinstance(cell, str) and cell.startswith(_NO_FORMULA):
        return f"'{cell}"
    return cell


def as_xlsx(entries: Sequence[Entry], zone: tzinfo) -> bytes:
    """A workbook: every complaint, and how many there are by department, cause and product."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "台账 Ledger"
    _fill(sheet, _heads(), _rows(entries, zone))
    summary = book.create_sheet("汇总 Summary")
    _fill(summary, ["维度 By", "值 Value", "投诉 Complaints", "重大 Major", "重复 Repeated"], [
        [title, value or "（未填 none）", *counts]
        for key, title in _GROUPS.items()
        for value, counts in sorted(_counted(entries, attrgetter(key)).items())
    ])  # fmt: skip
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _counted(
    entries: Sequence[Entry], key: Callable[[Entry], str]
) -> dict[str, tuple[int, int, int]]:
    """By a key: how many complaints, of them major ones, and repeated ones."""
    total = Counter(key(entry) for entry in entries)
    major = Counter(key(entry) for entry in entries if entry.major)
    repeated = Counter(key(entry) for entry in entries if entry.repeats)
    return {name: (total[name], major[name], repeated[name]) for name in total}


def _fill(sheet: Worksheet, heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    sheet.append(list(heads))
    for cell in sheet[1]:
        cell.font = Font(bold=True)
        cell.fill = PatternFill("solid", fgColor="E3F3F1")
    for number, row in enumerate(rows, 2):
        for column, value in enumerate(row, 1):
            _write(sheet.cell(number, column), value)
    sheet.freeze_panes = "B2"
    sheet.auto_filter.ref = sheet.dimensions
    for column, head in enumerate(heads, 1):
        sheet.column_dimensions[get_column_letter(column)].width = max(14, len(head) + 4)


def _write(cell: Any, value: Cell) -> None:
    """Text stays text, whatever it begins with; what XML cannot hold is left out."""
    if isinstance(value, str):
        cell.value = "".join(c for c in value if c in "\n\t" or ord(c) >= 32)
        cell.data_type = "s"
        cell.alignment = Alignment(wrap_text=len(value) > 20, vertical="top")
        return
    cell.value = value
    if isinstance(value, datetime):
        cell.number_format = "yyyy-mm-dd hh:mm:ss"
