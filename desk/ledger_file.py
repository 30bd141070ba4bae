"""The ledger of complaints as files that people open in a spreadsheet."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from operator import attrgetter

from desk import sheets
from desk.sheets import Cell, Sheet
from models.complaint import WORD_NAMES
from models.store.complaints.ledger import Entry
from models.ticket import STATE_NAMES, TicketState

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


def _ledger(entries: Sequence[Entry], zone: tzinfo) -> Sheet:
    heads = [f"{zh} {en}" for zh, en in COLUMNS.values()]
    rows = [[_shown(name, entry, zone) for name in COLUMNS] for entry in entries]
    return Sheet("台账 Ledger", heads, rows)


def as_csv(entries: Sequence[Entry], zone: tzinfo) -> bytes:
    """Every complaint, a line each."""
    return sheets.as_csv(_ledger(entries, zone))


def as_xlsx(entries: Sequence[Entry], zone: tzinfo) -> bytes:
    """A workbook: every complaint, and how many there are by department, cause and product."""
    heads = ["维度 By", "值 Value", "投诉 Complaints", "重大 Major", "重复 Repeated"]
    rows: list[list[Cell]] = [
        [title, value or "（未填 none）", *counts]
        for key, title in _GROUPS.items()
        for value, counts in sorted(_counted(entries, attrgetter(key)).items())
    ]
    return sheets.as_xlsx([_ledger(entries, zone), Sheet("汇总 Summary", heads, rows)])


def _counted(
    entries: Sequence[Entry], key: Callable[[Entry], str]
) -> dict[str, tuple[int, int, int]]:
    """By a key: how many complaints, of them major ones, and repeated ones."""
    total = Counter(key(entry) for entry in entries)
    major = Counter(key(entry) for entry in entries if entry.major)
    repeated = Counter(key(entry) for entry in entries if entry.repeats)
    return {name: (total[name], major[name], repeated[name]) for name in total}
