"""Bundles packed by hand: as this format has them, and as the one before had."""

import json
import zipfile
from collections.abc import Mapping
from io import BytesIO

from classifier import formats
from classifier.bundle import Bundle


def packed(files: Mapping[str, bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def packed_as_before(bundle: Bundle) -> bytes:
    """As format 2 had it: all names in one JSON file, no tables."""
    files = formats.to_files(bundle)
    model = json.loads(files["model.json"])
    terms = {block: list(names) for block, names in bundle.vocabulary.terms.items()}
    names = {"terms": terms, "cues": model.pop("cues"), "shapes": model.pop("shapes")}
    gone = {"keys.npy", "columns.npy", *(f"{block}.txt" for block in terms), "manifest.json"}
    kept = {name: content for name, content in files.items() if name not in gone}
    kept |= {
        "model.json": json.dumps(model).encode(),
        "vocabulary.json": json.dumps(names).encode(),
    }
    hashes = {name: formats.sha256(content) for name, content in kept.items()}
    manifest = {"format": "shouli-classifier-2", "id": formats._id_of(hashes), "files": hashes}
    card = json.loads(kept["card.json"]) | {"id": manifest["id"]}
    kept["card.json"] = json.dumps(card).encode()
    hashes["card.json"] = formats.sha256(kept["card.json"])
    return packed({"manifest.json": json.dumps(manifest).encode(), **kept})
