"""Where commands write: for people at a terminal, and for files and programs behind a pipe."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console, ConsoleOptions
from rich.table import Table
from rich.text import Text

from config.settings import Settings
from workers.monitoring.control_signs import WRITTEN_OUT

_ENDLESS = 100_000
"""Columns where nobody looks now: what reads it later has a width of its own."""


def moment(at: float | None, settings: Settings) -> str:
    """Seconds since 1970 as a time of the centre's own day, with what that is off UTC."""
    if at is None:
        return ""
    zone = ZoneInfo(settings.hours.time_zone)
    return datetime.fromtimestamp(at, zone).isoformat(" ", "seconds")


class _Page(Console):
    def render_str(self, text: str, **options: Any) -> Text:
        """As Rich does, but for what a stranger may have put in to drive the terminal."""
        return super().render_str(text.translate(WRITTEN_OUT), **options)


class Terminal(_Page):
    """Standard output of a command, or standard error.

    Lines of prose are left to the terminal to break, which knows that Chinese breaks anywhere;
    what is copied from it, or piped, has no breaks of ours in it.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, soft_wrap=True)

    @property
    def options(self) -> ConsoleOptions:
        return super().options if self.is_terminal else super().options.update(width=_ENDLESS)

    def show(self, table: Table, *, least: int = 0) -> None:
        """Prints a table: what is too long for its column goes on below, and nothing is cut off.

        ``least``: on a terminal of fewer columns it is laid out for so many.
        """
        if not table.row_count:
            self.print("没有 / None")
            return
        for column in table.columns:
            column.overflow = "fold"
        wide = self.options.max_width
        page = self if wide >= least else _Page(file=self.file, highlight=False, width=least)
        page.print(table, soft_wrap=False, crop=False)
