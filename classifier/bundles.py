"""A trained classifier as files: plain arrays and JSON, nothing that can run.

A bundle is a directory named by its id, the hash of what it decides with. It is written
once, whole, and never changed; which bundle serves is somebody else's pointer.
"""

import hashlib
import io
import json
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from classifier.features import WEIGHTED, FeatureConfig, Floats, Vocabulary
from models.errors import Permanent, Temporary
from models.training import BundleCard, Taxonomy

FORMAT = "shouli-classifier-2"
_MANIFEST = "manifest.json"
_CARD = "card.json"
_ARRAYS = ("idf", "weights", "intercepts", "slopes", "bends", "offsets")
_FILES = (
    "model.json",
    "taxonomy.json",
    "vocabulary.json",
    _CARD,
    *(f"{name}.npy" for name in _ARRAYS),
)
_MOST_BYTES = 1 << 30
_ID = re.compile(r"[0-9a-f]{32}")


class BundleRefused(Permanent):
    """The bundle is damaged, foreign or does not fit: keep the last good one serving."""

    code = "bundle_refused"


@dataclass(frozen=True, slots=True)
class Head:
    """One facet's classes: columns ``start`` up to ``start + len(classes)`` of the weights.

    A message whose best class scores less than ``least`` is like none of them.
    """

    facet: str
    classes: tuple[str, ...]
    start: int
    least: float

    @property
    def columns(self) -> slice:
        return slice(self.start, self.start + len(self.classes))


@dataclass(frozen=True, slots=True)
class Bundle:
    """All that deciding needs. Arrays are by class column, all heads side by side.

    score = features · weights + intercepts; probability = softmax, within a head, of
    slopes · bent(score) + offsets, where bends say how.
    """

    card: BundleCard
    taxonomy: Taxonomy
    config: FeatureConfig
    vocabulary: Vocabulary
    heads: tuple[Head, ...]
    weights: Floats
    intercepts: Floats
    slopes: Floats
    bends: Floats
    offsets: Floats


def learned_part(taxonomy: Taxonomy) -> str:
    """A hash of what a bundle has learnt of a taxonomy: classes and cue words.

    Thresholds, costs, names and floors are not in it: they can change without training.
    """
    learned = {
        name: {value: sorted(spec.cues) for value, spec in facet.classes.items()}
        for name, facet in taxonomy.facets.items()
    }
    text = json.dumps(learned, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def save(bundle: Bundle, root: Path) -> Path:
    """Writes ``bundle`` to ``root``/id, durably and all or nothing, and returns that path.

    Raises:
        Temporary: the disk would not take it; ``root`` is as it was.
    """
    return _write(_to_files(bundle), root)


def save_as(bundle: Bundle, directory: Path) -> str:
    """Writes ``bundle`` as ``directory`` itself, in the place of an older one; gives its id.

    Raises:
        BundleRefused: something that is no bundle is there already.
        Temporary: the disk would not take it; what was there is as it was.
    """
    check_place(directory)
    with _beside(directory) as beside:
        try:
            written = _write(_to_files(bundle), beside)
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
    older = (directory / _MANIFEST).is_file()
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
    if (place / _MANIFEST).is_file():
        return place
    inside = sorted(
        path.parent for path in place.glob(f"*/{_MANIFEST}") if _ID.fullmatch(path.parent.name)
    )
    if len(inside) != 1:
        raise BundleRefused(
            f"{place}: 不是分类器包 / is no classifier bundle (holds {len(inside)} of them)."
        )
    return inside[0]


def load(directory: Path) -> Bundle:
    """The bundle in ``directory``, its arrays memory-mapped.

    Raises:
        BundleRefused: it is missing, damaged, of another kind or version.
    """
    manifest = _manifest(_read(directory, _MANIFEST))
    for name in _FILES:
        if _sha256(_read(directory, name)) != manifest["files"][name]:
            raise BundleRefused(f"Bundle {directory.name}: {name} is damaged; restore a backup.")
    try:
        return _assemble(directory)
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise BundleRefused(f"Bundle {directory.name} cannot be read: {error}") from error


def pack(directory: Path) -> bytes:
    """The bundle as one uncompressed zip, the same bytes for the same bundle.

    Raises:
        BundleRefused: as ``load``.
    """
    load(directory)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in (_MANIFEST, *_FILES):
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
            if set(sizes) != {_MANIFEST, *_FILES} or sum(sizes.values()) > _MOST_BYTES:
                raise BundleRefused("This is not a packed classifier bundle.")
            files = {name: archive.read(name) for name in sizes}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise BundleRefused(f"The packed bundle is damaged: {error}") from error
    return _write(files, root)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read(directory: Path, name: str) -> bytes:
    try:
        return (directory / name).read_bytes()
    except OSError as error:
        raise BundleRefused(f"Bundle {directory}: cannot read {name}: {error}") from error


def _id_of(hashes: Mapping[str, str]) -> str:
    """The id names what the bundle decides with: its card tells of it, but decides nothing."""
    deciding = "".join(f"{name}:{hashes[name]}\n" for name in sorted(_FILES) if name != _CARD)
    return _sha256(deciding.encode())[:32]


def _manifest(content: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(content)
        known = manifest["format"] == FORMAT
        whole = known and set(manifest["files"]) == set(_FILES)
        named = whole and manifest["id"] == _id_of(manifest["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise BundleRefused(f"The bundle's manifest cannot be read: {error}") from error
    if not named:
        raise BundleRefused(f"This is not a {FORMAT} bundle, or its manifest is damaged.")
    return dict(manifest)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _npy(array: Floats) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _to_files(bundle: Bundle) -> dict[str, bytes]:
    vocabulary = bundle.vocabulary
    files = {
        "model.json": _json(
            {
                "config": asdict(bundle.config),
                "heads": [asdict(head) for head in bundle.heads],
            }
        ),
        "taxonomy.json": bundle.taxonomy.model_dump_json().encode(),
        "vocabulary.json": _json(
            {
                "terms": {block: vocabulary.terms[block] for block in WEIGHTED},
                "cues": vocabulary.cues,
                "shapes": vocabulary.shapes,
            }
        ),
        "idf.npy": _npy(vocabulary.idf),
        **{f"{name}.npy": _npy(getattr(bundle, name)) for name in _ARRAYS[1:]},
    }
    hashes = {name: _sha256(content) for name, content in files.items()}
    card = asdict(replace(bundle.card, id=_id_of(hashes)))
    files[_CARD] = _json(card)
    hashes[_CARD] = _sha256(files[_CARD])
    manifest = {"format": FORMAT, "id": card["id"], "files": hashes}
    return {_MANIFEST: _json(manifest), **files}


def _assemble(directory: Path) -> Bundle:
    model = json.loads(_read(directory, "model.json"))
    terms = json.loads(_read(directory, "vocabulary.json"))
    arrays = {
        name: np.load(directory / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        for name in _ARRAYS
    }
    vocabulary = Vocabulary(
        terms={block: tuple(terms["terms"][block]) for block in WEIGHTED},
        cues=tuple(terms["cues"]),
        shapes=tuple(terms["shapes"]),
        idf=arrays["idf"],
    )
    heads = tuple(
        Head(head["facet"], tuple(head["classes"]), head["start"], float(head["least"]))
        for head in model["heads"]
    )
    bundle = Bundle(
        card=BundleCard(**json.loads(_read(directory, _CARD))),
        taxonomy=Taxonomy.model_validate_json(_read(directory, "taxonomy.json")),
        config=FeatureConfig(**model["config"]),
        vocabulary=vocabulary,
        heads=heads,
        **{name: arrays[name] for name in _ARRAYS[1:]},
    )
    _check_fit(bundle)
    return bundle


def _check_fit(bundle: Bundle) -> None:
    """Raises ValueError unless the arrays have the shapes that the names ask for."""
    width = sum(len(head.classes) for head in bundle.heads)
    weighted = sum(len(terms) for terms in bundle.vocabulary.terms.values())
    expected = {
        "weights": (bundle.vocabulary.size, width),
        "intercepts": (width,),
        "slopes": (width,),
        "bends": (width,),
        "offsets": (width,),
    }
    if bundle.vocabulary.idf.shape != (weighted,):
        raise ValueError("idf does not fit the vocabulary")
    for name, shape in expected.items():
        array = getattr(bundle, name)
        if array.shape != shape or array.dtype != np.float64 or not np.isfinite(array).all():
            raise ValueError(f"{name} does not fit the heads")


def _write(files: Mapping[str, bytes], root: Path) -> Path:
    bundle_id = str(_manifest(files[_MANIFEST])["id"])
    if not _ID.fullmatch(bundle_id):
        raise BundleRefused("The bundle's id is not one of ours.")
    target = root / bundle_id
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
    except OSError as error:
        raise Temporary(f"The bundle could not be written to {root}: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
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
