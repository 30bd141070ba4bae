"""The data folder of a process, and the master key in it."""

import contextlib
import hashlib
import os
from pathlib import Path

from config.settings import Settings
from models.errors import ShouliError

KEY_BYTES = 32

DATABASE = "shouli.db"
"""SQLite's file in the data folder."""


class SetupError(ShouliError):
    """Something that the settings cannot say is missing; the sentence says what to do."""

    code = "setup"


def home(settings: Settings) -> Path:
    """The data folder, made where it is not there, and closed to other users.

    Raises:
        SetupError: it cannot be made or written to.
    """
    folder = settings.data_dir
    why: object = f"uid {os.geteuid()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        why = error.strerror
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        raise SetupError(
            f"数据目录 {folder} 不能写（{why}）：检查它的所有者、权限和磁盘，"
            "或用 SHOULI_DATA_DIR 换一个。"
            f" / The data folder {folder} cannot be written to ({why}): check its owner, its mode "
            "and the disk, or choose another one with SHOULI_DATA_DIR."
        )
    return folder


def master_key(settings: Settings, *, keep: bool = True) -> bytes:
    """The key of the settings, or the one in the data folder, made at the first start.

    Without ``keep`` a first one is of this moment only: who just looks leaves nothing behind.

    Raises:
        SetupError: it is gone, unreadable, or was cut off; a new one would open nothing of what
            is there.
    """
    given = settings.master_key_bytes
    if given is not None:
        return given
    path = key_file(settings)
    # Looked for first: who makes both at this moment makes the key before.
    used = settings.database_url is None and (settings.data_dir / DATABASE).exists()
    if not path.exists():
        if used:
            raise SetupError(
                f"有数据库，却没有它的主密钥：请把备份里的 {path} 放回来，"
                "或设置原来的 SHOULI_MASTER_KEY。"
                f" / The database is there, and its master key is not: put {path} back from the "
                "backup, or set the SHOULI_MASTER_KEY that it had."
            )
        if not keep:
            return os.urandom(KEY_BYTES)
        home(settings)
        _make_key(path)
    try:
        key = path.read_bytes()
    except OSError as error:
        raise SetupError(
            f"主密钥 {path} 读不出（{error.strerror}）：它应归运行受理的用户所有。"
            f" / The master key {path} cannot be read ({error.strerror}): it should belong to the "
            "user that runs Shouli."
        ) from error
    if len(key) < KEY_BYTES:
        raise SetupError(
            f"{path} 只有 {len(key)} 个字节，不完整：请从备份放回。"
            f" / {path} holds {len(key)} bytes, which is not all of it: put it back from the "
            "backup."
        )
    return key


def key_file(settings: Settings) -> Path:
    """Where the master key lies that the settings do not name."""
    return settings.data_dir / "keys" / "master.key"


def change_key(path: Path, key: bytes) -> Path:
    """Puts a new master key in the place of the one there is, which is kept beside it; where."""
    kept = path.with_name(f"{path.name}.{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}")
    with contextlib.suppress(FileExistsError):  # from a time that was cut short
        kept.hardlink_to(path)
    _write(path.with_name(f".{path.name}.{os.getpid()}"), key).replace(path)
    _settle(path.parent)
    return kept


def _make_key(path: Path) -> None:
    """Whole and durable, or not at all: what is sealed with a lost key is lost."""
    # The data folder first: a parent that is made along the way gets the mode of the umask.
    for folder in (path.parent.parent, path.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = _write(path.with_name(f".{path.name}.{os.getpid()}"), os.urandom(KEY_BYTES))
    with contextlib.suppress(FileExistsError):  # another process was faster: its key stands
        path.hardlink_to(part)
    part.unlink()
    _settle(path.parent)


def _write(part: Path, key: bytes) -> Path:
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return part


def _settle(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
