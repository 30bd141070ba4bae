"""A trained classifier as files: plain arrays and JSON, nothing that can run.

A bundle is a directory named by its id, the hash of what it decides with. It is written
once, whole, and never changed; which bundle serves is somebody else's pointer.
"""

import io
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from mmap import ACCESS_READ, mmap
from pathlib import Path

from classifier.bundle import Bundle, BundleRefused
from classifier.formats import MANIFEST, Content, Manifest, from_files, sha256, to_files
from classifier.text import default_cut
from models.errors import Temporary

_MOST_BYTES = 1 << 30
_ID = re.compile(r"[0-9a-f]{32}")


def save(bundle: Bundle, root: Path) -> Path:
    """Writes ``bundle`` to ``root``/id, durably and all or nothing, and returns that path.

    Raises:
        Temporary: the disk would not take it; ``root`` is as it was.
    """
    return _write(to_files(bundle), root)


def save_as(bundle: Bundle, directory: Path) -> str:
    """Writes ``bundle`` as ``directory`` itself, in the place of an older one; gives its id.

    Raises:
        BundleRefused: something that is no bundle is there already.
        Temporary: the disk would not take it; what was there is as it was.
    """
    check_place(directory)
    with _beside(directory) as beside:
        try:
            written = _write(to_files(bundle), beside)
        except Temporary as error:
            raise Temporary(_unwritable(directory, error.__cause__ or error)) from error
        older = beside / "older"
        if directory.exists():
            directory.rename(older)
        try:
            written.rename(directory)
        except OSError as error:
            if older.exists():
                older.rename(directory)
            raise Temporary(_unwritable(directory, error)) from error
        return written.name


def check_place(directory: Path) -> None:
    """Whether ``save_as`` could write there: to be asked before hours of training.

    Raises:
        BundleRefused: something that is no bundle is there already.
        Temporary: nothing can be written beside it.
    """
    older = (directory / MANIFEST).is_file()
    if not older and directory.exists() and (directory.is_file() or any(directory.iterdir())):
        raise BundleRefused(
            f"{directory}: 已有别的内容，请换一个目录 / holds something that is no bundle: "
            "name another directory."
        )
    with _beside(directory):
        pass


@contextmanager
def _beside(directory: Path) -> Iterator[Path]:
    """A directory of its own next to ``directory``, gone afterwards with all that is in it."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=".bundle-", dir=directory.parent))
    except OSError as error:
        raise Temporary(_unwritable(directory, error)) from error
    try:
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _unwritable(place: Path, error: BaseException) -> str:
    return f"{place}: 写不了 / could not be written: {getattr(error, 'strerror', None) or error}"


def found_in(place: Path) -> Path:
    """The bundle that ``place`` is, or the only one that it holds.

    Raises:
        BundleRefused: there is none, or more than one.
    """
    if (place / MANIFEST).is_file():
        return place
    inside = sorted(
        path.parent for path in place.glob(f"*/{MANIFEST}") if _ID.fullmatch(path.parent.name)
    )
    if len(inside) != 1:
        raise BundleRefused(
            f"{place}: 不是分类器包 / is no classifier bundle (holds {len(inside)} of them)."
        )
    return inside[0]


def load(directory: Path) -> Bundle:
    """The bundle in ``directory``, its arrays memory-mapped.

    What is hashed is what is mapped: no file is opened twice. While the hash of the weights is
    taken, by a thread that needs no interpreter, the segmenter reads its dictionary.

    Raises:
        BundleRefused: it is missing, damaged, of another kind or version.
    """
    manifest = Manifest.of(_read(directory, MANIFEST))
    files = {name: _mapped(directory / name) for name in manifest.files}
    largest_first = sorted(files, key=lambda name: -len(files[name]))
    with ThreadPoolExecutor(1) as pool:
        hashes = pool.map(lambda name: sha256(files[name]), largest_first)
        default_cut()
        for name, found in zip(largest_first, hashes, strict=True):
            if found != manifest.files[name]:
                raise BundleRefused(
                    f"Bundle {directory.name}: {name} is damaged; restore a backup."
                )
    return from_files(files)


def pack(directory: Path) -> bytes:
    """The bundle as one uncompressed zip, the same bytes for the same bundle.

    Raises:
        BundleRefused: as ``load``.
    """
    load(directory)
    manifest = _read(directory, MANIFEST)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(MANIFEST), manifest)
        for name in sorted(Manifest.of(manifest).files):
            archive.writestr(zipfile.ZipInfo(name), _read(directory, name))
    return buffer.getvalue()


def unpack(data: bytes, root: Path) -> Path:
    """Writes a packed bundle to ``root``/id, verified, and returns that path.

    Only the files a bundle has are read, by their exact names, so no path leads elsewhere.

    Raises:
        BundleRefused: it is no bundle, or damaged.
        Temporary: the disk would not take it; ``root`` is as it was.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            sizes = {info.filename: info.file_size for info in archive.infolist()}
            if MANIFEST not in sizes or sum(sizes.values()) > _MOST_BYTES:
                raise BundleRefused("This is not a packed classifier bundle.")
            if set(sizes) != {MANIFEST, *Manifest.of(archive.read(MANIFEST)).files}:
                raise BundleRefused("This is not a packed classifier bundle.")
            files = {name: archive.read(name) for name in sizes}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise BundleRefused(f"The packed bundle is damaged: {error}") from error
    return _write(files, root)


def remove(directory: Path) -> None:
    """Takes a bundle away, if it is there: at once for who looks for it, then file by file.

    Whoever has it mapped goes on reading it.
    """
    if not directory.is_dir():
        return
    try:
        aside = Path(tempfile.mkdtemp(prefix=f".{directory.name}-gone-", dir=directory.parent))
        try:
            directory.rename(aside)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except FileNotFoundError:  # somebody else was faster
        return
    except OSError as error:
        raise Temporary(f"{directory} could not be removed: {error}") from error


def _read(directory: Path, name: str) -> bytes:
    try:
        return (directory / name).read_bytes()
    except OSError as error:
        raise BundleRefused(f"Bundle {directory}: cannot read {name}: {error}") from error


def _mapped(path: Path) -> Content:
    try:
        with path.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:  # nothing cannot be mapped
                return b""
            return mmap(file.fileno(), 0, access=ACCESS_READ)
    except OSError as error:
        raise BundleRefused(f"Bundle {path.parent}: cannot read {path.name}: {error}") from error


def _write(files: Mapping[str, bytes], root: Path) -> Path:
    bundle_id = Manifest.of(files[MANIFEST]).id
    if not _ID.fullmatch(bundle_id):
        raise BundleRefused("The bundle's id is not one of ours.")
    target = root / bundle_id
    try:
        if target.exists():
            try:
                load(target)
            except BundleRefused:
                os.replace(target, tempfile.mkdtemp(prefix=f".{bundle_id}-damaged-", dir=root))
            else:
                return target
        root.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{bundle_id}-", dir=root))
        try:
            for name, content in files.items():
                _write_durably(partial / name, content)
            load(partial)
            _sync(partial)
            _rename_unless_there(partial, target)
            _sync(root)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise Temporary(f"The bundle could not be written to {root}: {error}") from error
    return target


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename_unless_there(partial: Path, target: Path) -> None:
    """Two processes may write the same bundle at once: the contents are equal, one stays."""
    try:
        partial.rename(target)
    except OSError:
        if not target.is_dir():
            raise
