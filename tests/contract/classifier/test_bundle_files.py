"""Bundles as files and packs: what is damaged, foreign or forged is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from classifier import bundles, formats
from classifier.bundle import Bundle, BundleRefused
from classifier.predict import Classifier
from classifier.text import Text
from models.errors import Temporary
from tests.contract.classifier.packing import packed, packed_as_before
from tests.contract.classifier.small import NEW

ROOT = Path(__file__).parents[3]
ASKING, MATTER = ["想", "问", "一下"], ["苹果", "烂", "了", "一箱"]


def test_pack_and_unpack(saved: Path, tmp_path: Path, classifier: Classifier) -> None:
    packed = bundles.pack(saved)
    assert packed == bundles.pack(saved)
    there = bundles.unpack(packed, tmp_path)
    assert there == tmp_path / saved.name
    assert bundles.unpack(packed, tmp_path) == there
    assert Classifier.load(there).classify(NEW) == classifier.classify(NEW)
    assert [path.name for path in tmp_path.iterdir()] == [there.name]


@pytest.mark.parametrize(
    "name",
    [
        *("weights.npy", "idf.npy", "keys.npy", "columns.npy", "word.txt"),
        *("card.json", "taxonomy.json", "manifest.json"),
    ],
)
def test_a_damaged_bundle_is_refused_and_can_be_written_anew(
    bundle: Bundle, saved: Path, tmp_path: Path, name: str
) -> None:
    there = bundles.unpack(bundles.pack(saved), tmp_path)
    content = bytearray((there / name).read_bytes())
    content[len(content) // 2] ^= 1
    (there / name).write_bytes(content)
    with pytest.raises(BundleRefused):
        bundles.load(there)
    with pytest.raises(BundleRefused):
        bundles.pack(there)
    bundles.load(bundles.save(bundle, tmp_path))


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\x03\x04", packed({"manifest.json": b"{}"}), packed({"../evil.json": b"{}"})],
)
def test_a_foreign_pack_is_refused_and_writes_nothing(data: bytes, tmp_path: Path) -> None:
    root = tmp_path / "in"
    with pytest.raises(BundleRefused):
        bundles.unpack(data, root)
    assert not list(tmp_path.rglob("*.json"))


def test_a_pickle_is_refused_before_it_runs(saved: Path, tmp_path: Path) -> None:
    """Even with every hash and the id set right, an object array is not unpickled."""
    there = bundles.unpack(bundles.pack(saved), tmp_path)
    ran = tmp_path / "ran"

    class Canary:
        def __reduce__(self) -> tuple:
            return Path.touch, (ran,)

    np.save(there / "weights.npy", np.array([Canary()], object), allow_pickle=True)
    _signed_anew(there)
    with pytest.raises(BundleRefused, match="objects"):
        bundles.load(there)
    assert not ran.exists()


def _signed_anew(there: Path) -> None:
    """Every hash and the id as they must be for what lies there now."""
    manifest = json.loads((there / "manifest.json").read_bytes())
    files = {name: formats.sha256((there / name).read_bytes()) for name in manifest["files"]}
    manifest |= {"files": files, "id": formats._id_of(files)}
    (there / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("name", "forge", "why"),
    [
        ("keys.npy", lambda keys: keys[::-1], "order of a table"),
        ("keys.npy", lambda keys: keys[1:], "table does not fit"),
        ("columns.npy", lambda columns: columns + 1, "columns that are not there"),
        ("columns.npy", lambda columns: columns.astype(np.int64), "table does not fit"),
        ("weights.npy", lambda weights: weights * np.nan, "weights does not fit"),
        ("weights.npy", np.asfortranarray, "by columns"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(
    saved: Path, tmp_path: Path, name: str, forge: Callable, why: str
) -> None:
    there = bundles.unpack(bundles.pack(saved), tmp_path)
    np.save(there / name, forge(np.load(there / name)))
    _signed_anew(there)
    with pytest.raises(BundleRefused, match=why):
        bundles.load(there)


def test_names_that_are_not_as_many_as_columns_are_refused(saved: Path, tmp_path: Path) -> None:
    there = bundles.unpack(bundles.pack(saved), tmp_path)
    with (there / "word.txt").open("ab") as file:
        file.write("一\n".encode())
    _signed_anew(there)
    with pytest.raises(BundleRefused, match="idf does not fit"):
        bundles.load(there)


def test_a_bundle_of_the_format_before_decides_alike(
    bundle: Bundle, tmp_path: Path, classifier: Classifier
) -> None:
    older = bundles.unpack(packed_as_before(bundle), tmp_path)
    assert older.name != classifier.card.id
    decided = [each.facets for each in Classifier.load(older).classify(NEW)]
    assert decided == [each.facets for each in classifier.classify(NEW)]
    again = bundles.unpack(bundles.pack(older), tmp_path / "there")
    assert again.name == older.name
    assert bundles.save(bundles.load(older), tmp_path).name == classifier.card.id


@pytest.mark.parametrize(
    ("unknown", "heard"),
    [
        (
            ("pleasantries", "manners"),
            ["您好", "你好", *ASKING, *MATTER, "流泪"],
        ),
        (("manners",), ["您好", *ASKING, *MATTER, "流泪"]),
        ((), MATTER),
    ],
)
def test_a_bundle_of_before_hears_manners_as_it_has_learnt_them(
    bundle: Bundle, unknown: tuple[str, ...], heard: list[str]
) -> None:
    files = formats.to_files(bundle)
    model = json.loads(files["model.json"])
    for name in unknown:
        del model["config"][name]
    before = formats.from_files(files | {"model.json": json.dumps(model).encode()})
    analysis = Classifier(before).analyse(Text("你好，想问一下苹果烂了一箱[流泪]", subject="您好"))
    assert analysis.words == heard
    assert ("subject" in analysis.shapes) == ("您好" in heard)


def test_names_are_read_one_by_one_as_all_together(classifier: Classifier, bundle: Bundle) -> None:
    there, made = classifier.bundle.vocabulary, bundle.vocabulary
    assert there.names() == made.names()
    assert [there.name(at) for at in range(there.size)] == there.names()
    assert there.terms["word"][-1] == made.terms["word"][-1]
    assert list(there.terms["word"][1:3]) == list(made.terms["word"][1:3])
    with pytest.raises(IndexError):
        there.terms["word"][len(made.terms["word"])]


def test_a_full_disk_leaves_nothing(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Temporary, match="No space left"):
        bundles.save(bundle, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_read_only_is_said_to_be_one(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("os.mkdir", read_only)
    with pytest.raises(Temporary, match="Read-only"):
        bundles.save(bundle, tmp_path / "bundles")
