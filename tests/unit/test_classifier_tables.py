"""What a CSV file may be wrong about, and the taxonomy that it gives."""

import json
from pathlib import Path

import pytest

from classifier import table_files, tables
from classifier.examples import Example, contradicted
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
        ("类型;消息\n求助;登不上\n", "there are: 类型, 消息.*--columns 消息=text"),
        ("text,type\n", "no rows"),
        ("text,type,type\nx,y,z\n", "same name"),
        ("text,type\nx\n", "data.csv:2: .*number of columns"),
        ("text,type\na,b\nx,y,z\n", "data.csv:3: .*number of columns"),
        ("text,type,,\nx,y,,\nx,y,,z\n", "data.csv:3: .*has no name"),
        ("text,type,,\nx,y,z,\n", "data.csv:2: .*has no name"),
        ('text,type\nx,y\n"x" z,y\n', "data.csv:3: .*not CSV"),
        ('text,type\n"x,y\n', "not CSV"),
        (b"PK\x03\x04xl/workbook.xml", "save it as “CSV UTF-8”"),
        (b"\xd0\xcf\x11\xe0\xa1", "save it as “CSV UTF-8”"),
        ('[{"text": "x"}, "y"]', r"data.csv\[2\]: .*a JSON object is needed"),
        ('[{"text": "x"}', "data.csv: .*no whole JSON array"),
        ('["x"]\n["y"]', "data.csv: .*no whole JSON array"),
        ("[]", "no column “text”"),
        ('{"text": "x"}\n"y"', "data.csv:2: .*a JSON object is needed"),
        ('{"text": "x"}\n{"text":', "data.csv:2: .*not JSON"),
        ('{"said": "x"}', "no column “text”, there are: said"),
        ("text,type\n退款,求助\n".encode("gb18030"), "not UTF-8"),
        ("text,type\n退款,求助\n".encode("gb18030"), "--encoding gb18030"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, content: str, wrong: str) -> None:
    with pytest.raises(TableRefused, match=wrong):
        table_files.read(_file(tmp_path, content))


@pytest.mark.parametrize(
    "content",
    [
        '类型,标题,内容\n求助,,"登不上,急"\n',
        "类型\t标题\t内容\n求助\t\t登不上,急\n",
        "类型;标题;内容\n求助;;登不上,急\n",
        '{"类型": "求助", "内容": "登不上,急", "标题": null}\n',
    ],
)
def test_columns_may_be_called_otherwise(tmp_path: Path, content: str) -> None:
    called = table_files.columns_called("内容=text, 标题 = subject,类型=type")
    table = table_files.read(_file(tmp_path, content), "", called)
    assert set(table.columns) == {"text", "subject", "type"}
    assert table.rows == ({"text": "登不上,急", "subject": "", "type": "求助"},)


@pytest.mark.parametrize(
    ("columns", "wrong"),
    [
        ("正文=text", "no column “正文” as --columns has it, there are: 内容, 类型"),
        ("内容=text,类型=text", "same name"),
        ("内容", "a name in the file = a name here"),
        ("=text", "a name in the file = a name here"),
        ("内容=", "a name in the file = a name here"),
        ("内容=text,内容=subject", "each column once"),
    ],
)
def test_what_is_wrong_with_the_names_of_columns_is_said(
    tmp_path: Path, columns: str, wrong: str
) -> None:
    path = _file(tmp_path, "内容,类型\n登不上,求助\n")
    with pytest.raises(TableRefused, match=wrong):
        table_files.read(path, "", table_files.columns_called(columns))


@pytest.mark.parametrize("mark", [",", "\t", ";"])
@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", ""),
        ("utf-16-le", ""),
        ("utf-16-be", ""),
        ("gb18030", "gb18030"),
        ("gbk", "gbk"),
    ],
)
def test_what_a_spreadsheet_writes_is_read(
    tmp_path: Path, mark: str, written: str, said: str
) -> None:
    content = f'"text"{mark} type\r\n"退款,;到\n没"{mark}求助\r\n'.encode(written)
    (row,) = table_files.read(_file(tmp_path, content), said).rows
    assert row == {"text": "退款,;到\n没", "type": "求助"}


def test_columns_without_a_name_that_a_spreadsheet_adds_are_none(tmp_path: Path) -> None:
    table = table_files.read(_file(tmp_path, "text,,type,,\nx,,y,, \n,,,,\n"))
    assert table.columns == ("text", "type")
    assert table.rows == ({"text": "x", "type": "y"}, {"text": "", "type": ""})


def test_an_object_a_line(tmp_path: Path) -> None:
    content = (
        '\ufeff{"text": "退款\\n没到", "type": " 求助 ", "split": "测试", "by": {"id": 7}}\r\n'
        '\n{"type": null, "text": "", "stars": 5}\n'
    )
    table = table_files.read(_file(tmp_path, content))
    assert table.columns == ("text", "type", "split", "by", "stars")
    first = {"text": "退款\n没到", "type": "求助", "split": "test", "by": '{"id": 7}', "stars": ""}
    second = {"text": "", "type": "", "split": "", "by": "", "stars": "5"}
    assert table.rows == (first, second)


@pytest.mark.parametrize("indent", [None, 1])
def test_objects_in_an_array(tmp_path: Path, indent: int | None) -> None:
    """As a program writes its records, in one line or over many."""
    rows = [{"type": "求助", "text": "退款\n没到"}, {"text": "几点开门", "stars": 5}]
    table = table_files.read(_file(tmp_path, json.dumps(rows, indent=indent)))
    assert table.rows == (
        {"type": "求助", "text": "退款\n没到", "stars": ""},
        {"type": "", "text": "几点开门", "stars": "5"},
    )


def test_half_an_emoji_in_json_is_a_mark_that_can_be_written(tmp_path: Path) -> None:
    content = '{"text": "好\\ud83d", "type": "x\\ude00", "by": {"id": "\\ud83d"}, "\\ud83d": 1}'
    table = table_files.read(_file(tmp_path, content))
    assert table.rows == (
        {"text": "好\ufffd", "type": "x\ufffd", "by": '{"id": "\ufffd"}', "\ufffd": "1"},
    )


def test_an_encoding_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(TableRefused, match="no such encoding"):
        table_files.read(_file(tmp_path, "text,type\nx,y\n"), "gb-none")


@pytest.mark.parametrize(
    ("words", "learnt"),
    [
        (("train", "test", ""), "ac"),
        (("Train", "TEST", "Dev"), "ac"),
        (("训练", "测试", "验证集"), "ac"),
        (("one", "test", "two"), "ac"),
        (("train", "holdout", "val"), None),
        (("train", "0", "1"), None),
        (("test", "test", "test"), None),
    ],
)
def test_what_is_to_judge_is_never_learnt(
    tmp_path: Path, words: tuple[str, ...], learnt: str | None
) -> None:
    rows = "".join(f"{text},x,{word}\n" for text, word in zip("abc", words, strict=True))
    table = table_files.read(_file(tmp_path, f"text,kind,split\n{rows}"))
    if learnt is None:
        with pytest.raises(TableRefused, match="test"):
            table.learnable()
    else:
        assert "".join(row["text"] for row in table.learnable().rows) == learnt


def test_what_a_bundle_can_be_judged_on(tmp_path: Path) -> None:
    table = table_files.read(_file(tmp_path, "text,kind,split\na,x,dev\nb,y,Test\n"))
    assert [row["text"] for row in table.to_judge("测试").rows] == ["b"]
    with pytest.raises(TableRefused, match=r"no rows with split = val, there are: dev, test"):
        table.to_judge("val")
    assert table.facets_among(["sort", "kind"]) == ["kind"]
    for known, wanted in ((["sort"], []), (["kind"], ["split"]), (["kind", "sort"], ["sort"])):
        with pytest.raises(TableRefused, match=r"the bundle has no facet|no column “sort”"):
            table.facets_among(known, wanted)


def test_what_was_learnt_beside_what_is_judged(tmp_path: Path) -> None:
    rows = "a,x,train\nb,x,test\nc,x,val\n ,x,train\n"
    table = table_files.read(_file(tmp_path, f"text,kind,split\n{rows}"))
    assert [row["text"] for row in table.learnt_beside("测试").rows] == ["a", "c"]
    assert [row["text"] for row in table.learnt_beside("val").rows] == ["a"]
    whole = table_files.read(_file(tmp_path, "text,kind\na,x\n"))
    assert not whole.learnt_beside("test").rows


def test_labels_that_contradict_each_other_are_counted() -> None:
    said = [("退款", "a"), ("退款", "b"), ("退款", "a"), ("发票", "a"), ("发票", "a"), ("", "")]
    data = [Example(Text(text), {"kind": kind} if kind else {}) for text, kind in said]
    data += [
        Example(Text("发票", subject="问"), {"kind": "b"}),
        Example(Text("发票"), {"sort": "b"}),
    ]
    assert contradicted(data, "kind") == 3
    assert contradicted(data, "sort") == 0


def test_rows_without_text_teach_nothing(tmp_path: Path) -> None:
    table = table_files.read(_file(tmp_path, "text,subject,kind\n ,,a\n,标题,b\nx,,a\n"))
    assert [row["kind"] for row in table.learnable().rows] == ["b", "a"]


def test_every_row_that_is_not_learnt_is_counted(tmp_path: Path) -> None:
    rows = "a,x,,\nb,x,,test\n ,x,,\nc,oos,,\nd,,,\n,x,,test\ne,oos,y,dev\nf,,y,\n"
    table = table_files.read(_file(tmp_path, f"text,kind,sort,split\n{rows}"))
    counts = {"test": 2, "no_text": 1, "strangers": 2, "no_label": 1}
    assert table.left_out(["kind", "sort"], "oos") == counts
    counts |= {"strangers": 0, "no_label": 2}
    assert table.left_out(["kind"], "") == counts


def test_columns_that_do_not_look_like_labels_must_be_asked_for(tmp_path: Path) -> None:
    rows = "".join(f"m{at},{'ab'[at % 2]},n{at},same,\n" for at in range(20))
    table = table_files.read(_file(tmp_path, f"text,kind,note,of,nothing\n{rows}"))
    with pytest.raises(TableRefused, match=r"one a row\): note, of\. Name the facets"):
        table.facets()
    assert table.facets(["kind", "note"]) == ["kind", "note"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TableRefused, match="cannot be read"):
        table_files.read(tmp_path / "none.csv")


def test_rows_splits_and_facets(tmp_path: Path) -> None:
    table = table_files.read(
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
        table_files.read(_file(tmp_path, "text,split\nx,train\n")).facets()


def _data(*labels: str) -> list[Example]:
    return [Example(Text("x"), {"kind": label}) for label in labels]


def test_a_taxonomy_of_the_data_alone() -> None:
    taxonomy = tables.taxonomy_of(_data("b", "a", "b"), ["kind"])
    assert list(taxonomy.facets["kind"].classes) == ["a", "b"]
    with pytest.raises(TableRefused, match=r"at least two classes.*: b"):
        tables.taxonomy_of(_data("b", "b"), ["kind"])


@pytest.mark.parametrize(
    ("one", "other"),
    [("Refund", "refund"), ("退 款", "退款"), ("Ａ类", "a类"), ("❤️", "❤"), ("x", "x\u200b")],
)
def test_one_class_written_in_two_ways_is_not_two(one: str, other: str) -> None:
    with pytest.raises(TableRefused, match="differ only in letter case, width or spaces") as told:
        tables.taxonomy_of(_data(one, other, "b"), ["kind"])
    assert f"“{one}”" in str(told.value)
    assert f"“{other}”" in str(told.value)
    assert "“b”" not in str(told.value)


def test_classes_may_have_any_name() -> None:
    names = ["😀 好评", "a/b", "退货\\换货", "Very long name " * 9, "1", "一"]
    assert list(tables.taxonomy_of(_data(*names), ["kind"]).facets["kind"].classes) == sorted(
        names
    )


def test_what_the_house_knows_is_taken_from_it() -> None:
    high, low = ClassSpec(zh="高", en="High", cost=4), ClassSpec(zh="低", en="Low", cues=("不急",))
    house = Taxonomy(
        version="h",
        words=("花呗",),
        facets={
            "kind": FacetSpec(zh="种", en="Kind", ordinal=True, classes={"z": high, "a": low})
        },
        floors={"fire": FloorSpec(zh="火", en="Fire", words=("着火",), sets={"kind": "z"})},
    )
    same = tables.taxonomy_of(_data("a", "z"), ["kind"], house)
    assert list(same.facets["kind"].classes) == ["z", "a"]
    assert same.facets["kind"].ordinal
    assert list(same.floors) == ["fire"]
    assert same.words == ("花呗",)
    other = tables.taxonomy_of(_data("a", "new"), ["kind"], house)
    assert other.facets["kind"].classes["a"] is low
    assert not other.facets["kind"].ordinal
    assert other.floors == {}


def test_strangers_are_set_apart() -> None:
    inside, outside = tables.apart(_data("a", "oos", "b"), "oos")
    assert [each.labels["kind"] for each in inside] == ["a", "b"]
    assert len(outside) == 1
    assert tables.apart(_data("a"), "") == (_data("a"), [])
