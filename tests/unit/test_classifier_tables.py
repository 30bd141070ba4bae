"""What a CSV file may be wrong about, and the taxonomy that it gives."""

from pathlib import Path

import pytest

from classifier import tables
from classifier.examples import Example
from classifier.tables import TableRefused
from classifier.text import Text
from models.training import ClassSpec, FacetSpec, FloorSpec, Taxonomy


def _file(folder: Path, content: str | bytes) -> Path:
    path = folder / "data.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ("", "text"),
        ("message,type\nx,y\n", "no column “text”, there are: message, type"),
        ("text,type\n", "no rows"),
        ("text,type,type\nx,y,z\n", "same name"),
        ("text,type\nx\n", "data.csv:2: .*number of columns"),
        ("text,type\na,b\nx,y,z\n", "data.csv:3: .*number of columns"),
        ('text,type\n"x,y\n', "not CSV"),
        ("text,type\n退款,求助\n".encode("gb18030"), "not UTF-8"),
        ("text,type\n退款,求助\n".encode("utf-16"), "not UTF-8"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, content: str, wrong: str) -> None:
    with pytest.raises(TableRefused, match=wrong):
        tables.read(_file(tmp_path, content))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TableRefused, match="cannot be read"):
        tables.read(tmp_path / "none.csv")


def test_rows_splits_and_facets(tmp_path: Path) -> None:
    table = tables.read(
        _file(
            tmp_path, "\ufefftext,subject, kind ,split\n一,标题, a ,train\n二,,,test\n三,,b,val\n"
        )
    )
    assert table.facets() == ["kind"]
    with pytest.raises(TableRefused, match="no column “sort”"):
        table.facets(["sort"])
    assert [row["text"] for row in table.part(["test"]).rows] == ["二"]
    learnt = table.part(["test"], without=True).examples(["kind"])
    assert learnt[0] == Example(Text("一", "标题"), {"kind": "a"})
    assert table.examples(["kind"])[1].labels == {}


def test_only_text_is_no_training_data(tmp_path: Path) -> None:
    with pytest.raises(TableRefused, match="no column of labels"):
        tables.read(_file(tmp_path, "text,split\nx,train\n")).facets()


def _data(*labels: str) -> list[Example]:
    return [Example(Text("x"), {"kind": label}) for label in labels]


def test_a_taxonomy_of_the_data_alone() -> None:
    taxonomy = tables.taxonomy_of(_data("b", "a", "b"), ["kind"])
    assert list(taxonomy.facets["kind"].classes) == ["a", "b"]
    with pytest.raises(TableRefused, match=r"at least two classes.*: b"):
        tables.taxonomy_of(_data("b", "b"), ["kind"])


def test_what_the_house_knows_is_taken_from_it() -> None:
    high, low = ClassSpec(zh="高", en="High", cost=4), ClassSpec(zh="低", en="Low", cues=("不急",))
    house = Taxonomy(
        version="h",
        facets={
            "kind": FacetSpec(zh="种", en="Kind", ordinal=True, classes={"z": high, "a": low})
        },
        floors={"fire": FloorSpec(zh="火", en="Fire", words=("着火",), sets={"kind": "z"})},
    )
    same = tables.taxonomy_of(_data("a", "z"), ["kind"], house)
    assert list(same.facets["kind"].classes) == ["z", "a"]
    assert same.facets["kind"].ordinal
    assert list(same.floors) == ["fire"]
    other = tables.taxonomy_of(_data("a", "new"), ["kind"], house)
    assert other.facets["kind"].classes["a"] is low
    assert not other.facets["kind"].ordinal
    assert other.floors == {}


def test_strangers_are_set_apart() -> None:
    inside, outside = tables.apart(_data("a", "oos", "b"), "oos")
    assert [each.labels["kind"] for each in inside] == ["a", "b"]
    assert len(outside) == 1
    assert tables.apart(_data("a"), "") == (_data("a"), [])
