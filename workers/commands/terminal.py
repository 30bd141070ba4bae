"""Where commands write: for people at a terminal, and for files and programs behind a pipe."""

from rich.console import Console, ConsoleOptions
from rich.table import Table

_ENDLESS = 100_000
"""Columns where nobody looks now: what reads it later has a width of its own."""


class Terminal(Console):
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
        page = self if wide >= least else Console(file=self.file, highlight=False, width=least)
        page.print(table, soft_wrap=False, crop=False)
