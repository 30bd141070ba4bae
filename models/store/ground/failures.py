"""What a database that is down, locked or full means to callers: an error they can act on."""

import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from models.errors import ShouliError, StorageFull, Temporary


class Unfit(Temporary):
    """The database is there and of no use to us: damaged, without our tables, or it refuses us.

    That is mended at the server or in the settings, and nothing that came in must be given up for
    it; but no waiting alone mends it.
    """


@contextmanager
def translated() -> Iterator[None]:
    """Turns errors of the database and its drivers into ours; other errors pass.

    Raises:
        StorageFull: the disk is full.
        Unfit: it is damaged, has no tables yet, or refuses us.
        Temporary: it is locked or out of reach.
    """
    try:
        yield
    except Exception as error:
        told = _told(error)
        if told is None:
            raise
        raise told from error


def leave_read_only(engine: Engine) -> None:
    """Makes the engine drop its connections once one of them may only read: a lost connection.

    After a failover the address leads to the new primary, but connections that are open may still
    be of the old one, or of a standby that was not promoted, and would refuse for as long as they
    live.
    """

    @event.listens_for(engine, "handle_error")
    def _lost(context: ExceptionContext) -> None:
        if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY:
            context.is_disconnect = True


def give_up_silent_peers(engine: Engine) -> None:
    """Makes connections over TCP end within half a minute after their server has vanished.

    A server that loses its power closes nothing, and who waits for its answer would wait for two
    hours until Linux asks, or for a quarter of one until it stops to send again.
    """

    @event.listens_for(engine, "connect")
    def _watched(connection: Any, _record: object) -> None:
        # asyncpg has no other way to it.
        peer = connection.driver_connection._transport.get_extra_info("socket")
        if peer.family not in (socket.AF_INET, socket.AF_INET6):
            return
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _WATCH.items():
            if option := getattr(socket, name, None):  # which there are, the system says
                peer.setsockopt(socket.IPPROTO_TCP, option, value)


def _told(error: Exception) -> ShouliError | None:
    """What an error of the database means to callers; None for one that is a fault of ours."""
    if isinstance(error, PoolTimeout | OSError) or _is_of_asyncpg(error):
        return Temporary(f"the database cannot be reached: {str(error) or 'no answer'}")
    # ``insert_new`` goes past SQLAlchemy.
    if isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError:
        error = OperationalError(None, None, error)
    if not isinstance(error, DBAPIError):
        return None
    state = str(getattr(error.orig, "sqlstate", "") or "")
    if any(phrase in str(error.orig).lower() for phrase in _FULL):
        return StorageFull("the database's disk is full")
    if state == "42P01" or str(error.orig).startswith("no such table"):
        return Unfit(_NO_TABLES)
    for phrases, sentence in _FILE:
        if any(phrase in str(error.orig) for phrase in phrases):
            return Unfit(sentence.format(error.orig))
    lost = isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated
    if lost or state[:2] in _PASSING:
        return Temporary(f"the database is not available: {error.orig}")
    if state.startswith(_REFUSED):
        return Unfit(f"the database refuses us, check its URL and rights: {error.orig}")
    return None


def _is_of_asyncpg(error: Exception) -> bool:
    """Whether a connection ended while it was being set up, of which SQLAlchemy wraps nothing.

    Known by its name: whoever has SQLite need not load the driver.
    """
    return type(error).__module__.startswith("asyncpg.")


_NO_TABLES = (
    "这个数据库还没有受理的表：data_dir、database_url 对吗？对的话先 shouli run 或 migrate"
    " / this database has no tables of Shouli: is data_dir or database_url right? If so, "
    "shouli run or shouli migrate makes them"
)

_DISK = ("disk I/O error", "attempt to write a readonly database", "unable to open database file")
"""What SQLite says of the file and of those beside it (-wal, -shm), which it makes itself."""

_NO_FILE = (
    "数据库文件读写出错（{0}）：看看数据目录的磁盘满没满、是不是只读、归谁所有"
    " / the database's file cannot be read or written ({0}): see whether the disk of the data "
    "folder is full or read-only, and whose the folder is"
)

_SPOILT = ("database disk image is malformed", "file is not a database")

_SPOILT_FILE = (
    "数据库文件坏了（{0}）：停掉全部进程，留一份坏的，从备份恢复"
    " / the database's file is damaged ({0}): stop every process, keep a copy of it, and restore "
    "the backup"
)
"""Senders are told to come again: what they bring is taken once the backup is there."""

_FILE = ((_DISK, _NO_FILE), (_SPOILT, _SPOILT_FILE))

_FULL = ("database or disk is full", "no space left", "disk full")

_PASSING = frozenset({"08", "40", "53", "55", "57", "58"})
"""Classes of SQLSTATE that pass by themselves: lost connections, deadlocks and serialisation
failures, too many connections or too little memory, a database that is closed for a while, a
server that starts or stops, a disk that fails."""

_WATCH = {
    "TCP_KEEPIDLE": 10,
    "TCP_KEEPINTVL": 5,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 25_000,
}
"""Seconds of silence, seconds between questions, unanswered questions; milliseconds that what was
sent may stay unacknowledged."""

_READ_ONLY = "25006"
"""A statement that writes met a standby, or a primary that has become one."""

_REFUSED = ("28", "3D", "42501")
"""A wrong password, a database that does not exist, rights that are not granted."""
