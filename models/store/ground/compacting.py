"""SQLite's file, made as small as what is in it.

What is deleted leaves pages that are half empty, and those that are empty are used again: the
file never becomes smaller by itself. ``auto_vacuum`` is no way out: a file that is there has to be
written anew for it as well, and then it gives back empty pages only, hardly any after rows were
deleted here and there.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from models.store.ground.database import BUSY_SECONDS
from models.store.ground.failures import translated


def compact(file: Path) -> None:
    """Writes all of it anew; nobody else can write meanwhile, some 15 s a gigabyte.

    For a while it is there three times: the file, a temporary one in ``SQLITE_TMPDIR``, and the
    log beside the file. Whatever dies on the way, the file is as it was or as it will be.

    Raises:
        StorageFull: there is no room for that.
        Temporary: somebody is writing.
    """
    opened = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
    with translated(), closing(opened) as conn:
        conn.execute("VACUUM")  # in the log, until the last connection is closed: this one
