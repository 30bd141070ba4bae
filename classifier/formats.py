"""A bundle as contents of files, and back: plain arrays, text and JSON, nothing that can run.

Two formats are read, one is written. In the older one the names of the features were JSON, of
which the tables that find a feature had to be made at every load; now the tables are arrays, and
a name is read when somebody asks for it.
"""

import hashlib
import io
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from mmap import mmap
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from classifier.bundle import Bundle, BundleRefused, Head
from classifier.features import FeatureConfig
from classifier.keys import KeyTable
from classifier.vocabulary import WEIGHTED, Terms, Vocabulary, as_lines
from models.training import BundleCard, Taxonomy

Content = bytes | mmap

FORMAT = "shouli-classifier-3"
MANIFEST = "manifest.json"
_CARD = "card.json"
_ARRAYS = ("idf", "weights", "intercepts", "slopes", "bends", "offsets")
_COMMON = ("model.json", "taxonomy.json", _CARD, *(f"{name}.npy" for name in _ARRAYS))
_NAMES = "vocabulary.json"
_LINES = {block: f"{block}.txt" for block in WEIGHTED}

_FILES = {
    "shouli-classifier-2": (*_COMMON, _NAMES),
    FORMAT: (*_COMMON, "keys.npy", "columns.npy", *_LINES.values()),
}
"""What each format that is read consists of, beside its manifest."""

_BEFORE = {"pleasantries": True, "manners": True}
"""How bundles were made that do not say so."""


class Manifest(NamedTuple):
    """What a bundle says of itself: its id, and the SHA-256 of each file."""

    id: str
    files: Mapping[str, str]

    @classmethod
    def of(cls, content: Content) -> "Manifest":
        """The manifest in ``content``.

        Raises:
            BundleRefused: it is no manifest, not of a format that is read, or damaged.
        """
        try:
            told = json.loads(bytes(content))
            files = dict(told["files"])
            whole = set(files) == set(_FILES[told["format"]])
            named = whole and told["id"] == _id_of(files)
        except KeyError as error:
            raise BundleRefused(f"This is not a {FORMAT} bundle: {error} is not known.") from error
        except (ValueError, TypeError) as error:
            raise BundleRefused(f"The bundle's manifest cannot be read: {error}") from error
        if not named:
            raise BundleRefused("The bundle's manifest is damaged.")
        return cls(told["id"], files)


def sha256(content: Content) -> str:
    return hashlib.sha256(content).hexdigest()


def _id_of(hashes: Mapping[str, str]) -> str:
    """The id names what the bundle decides with: its card tells of it, but decides nothing."""
    deciding = "".join(f"{name}:{hashes[name]}\n" for name in sorted(hashes) if name != _CARD)
    return sha256(deciding.encode())[:32]


def to_files(bundle: Bundle) -> dict[str, bytes]:
    """The files of ``bundle`` by name, its manifest among them."""
    vocabulary = bundle.vocabulary
    model = {
        "config": asdict(bundle.config),
        "heads": [asdict(head) for head in bundle.heads],
        "cues": vocabulary.cues,
        "shapes": vocabulary.shapes,
    }
    files = {
        "model.json": _json(model),
        "taxonomy.json": bundle.taxonomy.model_dump_json().encode(),
        "idf.npy": _npy(vocabulary.idf),
        **{f"{name}.npy": _npy(getattr(bundle, name)) for name in _ARRAYS[1:]},
        "keys.npy": _npy(vocabulary.table.keys),
        "columns.npy": _npy(vocabulary.table.columns),
        **{name: as_lines(vocabulary.terms[block]) for block, name in _LINES.items()},
    }
    hashes = {name: sha256(content) for name, content in files.items()}
    card = asdict(replace(bundle.card, id=_id_of(hashes)))
    files[_CARD] = _json(card)
    hashes[_CARD] = sha256(files[_CARD])
    manifest = {"format": FORMAT, "id": card["id"], "files": hashes}
    return {MANIFEST: _json(manifest), **files}


def from_files(files: Mapping[str, Content]) -> Bundle:
    """The bundle of files that fit their manifest. Arrays stay where they are, mapped or not.

    Raises:
        BundleRefused: they do not belong together.
    """
    try:
        model = json.loads(bytes(files["model.json"]))
        bundle = Bundle(
            card=BundleCard(**json.loads(bytes(files[_CARD]))),
            taxonomy=Taxonomy.model_validate_json(bytes(files["taxonomy.json"])),
            config=FeatureConfig(**(_BEFORE | model["config"])),
            vocabulary=_vocabulary(files, model),
            heads=tuple(
                Head(head["facet"], tuple(head["classes"]), head["start"], float(head["least"]))
                for head in model["heads"]
            ),
            **{name: _array(files[f"{name}.npy"]) for name in _ARRAYS[1:]},
        )
        _check_fit(bundle)
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise BundleRefused(f"The bundle cannot be read: {error}") from error
    return bundle


def _vocabulary(files: Mapping[str, Content], model: Mapping[str, Any]) -> Vocabulary:
    idf = _array(files["idf.npy"])
    if _NAMES in files:
        told = json.loads(bytes(files[_NAMES]))
        terms = {block: tuple(told["terms"][block]) for block in WEIGHTED}
        return Vocabulary(terms, tuple(told["cues"]), tuple(told["shapes"]), idf)
    keys, columns = _array(files["keys.npy"]), _array(files["columns.npy"])
    if keys.dtype != np.uint64 or columns.dtype != np.int32 or keys.shape != idf.shape:
        raise ValueError("the table does not fit the vocabulary")
    if len(columns) and not 0 <= columns.min() <= columns.max() < len(idf):
        raise ValueError("the table names columns that are not there")
    return Vocabulary(
        {block: Terms(memoryview(files[name])) for block, name in _LINES.items()},
        tuple(model["cues"]),
        tuple(model["shapes"]),
        idf,
        KeyTable(keys, columns),
    )


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


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _array(content: Content) -> NDArray[Any]:
    """The array of an .npy file, over the very bytes whose hash was right.

    Raises:
        ValueError: it is none, or one of objects, which would have to be unpickled.
    """
    header = io.BytesIO(content[:_HEADER_BYTES])
    if np.lib.format.read_magic(header) != (1, 0):
        raise ValueError("an array of another version")
    shape, by_columns, kind = np.lib.format.read_array_header_1_0(header)
    if kind.hasobject or by_columns:
        raise ValueError("an array of objects, or by columns")
    return np.frombuffer(content, kind, math.prod(shape), header.tell()).reshape(shape)


_HEADER_BYTES = 4_096
