"""Labelled messages from a CSV file, and a taxonomy for whatever classes they carry."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from classifier.examples import Example
from classifier.text import Text
from models.errors import Permanent
from models.training import ClassSpec, FacetSpec, FloorSpec, Taxonomy

_MOST_CHARACTERS = 10_000_000
RESERVED = ("text", "subject", "channel", "group", "split", "id", "lang", "trade")
"""Columns that are no facets: of these only ``text`` must be there."""

_MARKS = (",", "\t", ";")
"""What may stand between cells: that which sets ``text`` apart in the heading."""

_TEST = dict.fromkeys(("测试", "测试集", "testing"), "test")
_LEARNT = frozenset(
    (
        "",
        "train",
        "training",
        "val",
        "valid",
        "validation",
        "dev",
        "训练",
        "训练集",
        "验证",
        "验证集",
    )
)
"""Words of the column ``split``, in small letters, for what may be learnt from."""

_FEW_ROWS = 20
"""From so many labelled rows on it can be told that a column is no facet."""


class TableRefused(Permanent):
    """The file cannot be learnt from or judged by: it says what is wrong and where."""

    code = "table_refused"


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file with a heading, as it was read."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]

    def facets(self, wanted: Sequence[str] = ()) -> list[str]:
        """The columns that are facets: those wanted, or every one that is not reserved.

        Raises:
            TableRefused: one of those wanted is not there, or there is none at all.
        """
        facets = list(wanted) or [name for name in self.columns if self._may_be_facet(name)]
        for facet in facets:
            if facet not in self.columns:
                raise TableRefused(
                    f"{self.name}: 没有“{facet}”这一列，现有 / no column “{facet}”, there are: "
                    f"{', '.join(self.columns)}"
                )
        if not facets:
            raise TableRefused(
                f"{self.name}: 除 text 外没有维度列 / there is no column of labels beside the text"
            )
        odd = [] if wanted else [facet for facet in facets if not self._has_classes(facet)]
        if odd:
            raise TableRefused(
                f"{self.name}: 不像标签的列（只有一种值，或几乎每行一种）：{', '.join(odd)}。"
                "请用 --facets 写明哪些列是维度"
                f" / columns that do not look like labels (one value only, or nearly one a row): "
                f"{', '.join(odd)}. Name the facets with --facets"
            )
        return facets

    def _may_be_facet(self, column: str) -> bool:
        return column not in RESERVED and any(row[column] for row in self.rows)

    def _has_classes(self, column: str) -> bool:
        counts = Counter(row[column] for row in self.rows if row[column])
        once = sum(count == 1 for count in counts.values())
        return len(counts) > 1 and (counts.total() < _FEW_ROWS or once <= counts.total() / 2)

    def part(self, splits: Sequence[str], *, without: bool = False) -> "Table":
        """The rows of these splits, or of all others; the whole of a table without splits."""
        if "split" not in self.columns:
            return self
        kept = tuple(row for row in self.rows if (row["split"] in splits) != without)
        return Table(self.name, self.columns, kept)

    def learnable(self) -> "Table":
        """The rows that may be learnt from: all but those of “test”, and those without text.

        Raises:
            TableRefused: there are none, or ``split`` has other words and “test” is not among
                them, so that what is to judge would be learnt, too.
        """
        splits = {row["split"] for row in self.rows} if "split" in self.columns else {""}
        strange = sorted(splits - _LEARNT)
        if strange and "test" not in splits:
            raise TableRefused(
                f"{self.name}: split 列里有 {', '.join(strange)}，没有 test："
                "评测用的行也会被学进去。请改成 train、val、test"
                f" / the column “split” says {', '.join(strange)} and never “test”, so what is to "
                "judge would be learnt, too: call the parts train, val and test"
            )
        table = self.part(["test"], without=True)
        rows = tuple(row for row in table.rows if row["text"].strip() or row.get("subject", ""))
        if not rows:
            raise TableRefused(
                f"{self.name}: 除 split = test 和没有文字的以外没有行"
                " / no rows but those of split = test and those without text"
            )
        return replace(table, rows=rows)

    def to_judge(self, split: str) -> "Table":
        """The rows of ``split``; the whole of a table without splits.

        Raises:
            TableRefused: there are none.
        """
        table = self.part([split_of(split)])
        if not table.rows:
            there = ", ".join(sorted({row["split"] or "–" for row in self.rows}))
            raise TableRefused(
                f"{self.name}: 没有 split = {split} 的行，现有 {there}，可用 --split 另选"
                f" / no rows with split = {split}, there are: {there}; choose with --split"
            )
        return table

    def facets_among(self, known: Sequence[str], wanted: Sequence[str] = ()) -> list[str]:
        """Those ``wanted``, or all that the table has, of the facets that a bundle knows.

        Raises:
            TableRefused: one of those wanted is not known or not there, or there is none at all.
        """
        facets = list(wanted) or [facet for facet in known if facet in self.columns]
        if not facets or not set(facets) <= set(known):
            raise TableRefused(
                f"{self.name}: 分类器的维度是 {', '.join(known)}，"
                f"文件里的列是 {', '.join(self.columns)}"
                f" / the bundle has no facet of that name: its facets are {', '.join(known)}, "
                f"the file's columns {', '.join(self.columns)}"
            )
        return self.facets(facets)

    def examples(self, facets: Sequence[str]) -> list[Example]:
        """A row each, in order; an empty cell is a facet that nobody has labelled."""
        return [
            Example(
                Text(row["text"], row.get("subject", ""), row.get("channel", "")),
                {facet: row[facet] for facet in facets if row[facet]},
                row.get("group", ""),
            )
            for row in self.rows
        ]


def read(path: Path, encoding: str = "") -> Table:
    """The table in ``path``: CSV, or with tabs or semicolons between the cells.

    ``encoding`` is UTF-8 by default, or UTF-16 where a byte order mark says so.

    Raises:
        TableRefused: no such file or encoding, not in that encoding, no heading, no column
            ``text``, a row that is longer or shorter than the heading, or no rows.
    """
    csv.field_size_limit(_MOST_CHARACTERS)
    try:
        with path.open(encoding=encoding or _unicode(path), newline="") as file:
            return _table(path.name, csv.DictReader(file, delimiter=_mark(file), strict=True))
    except OSError as error:
        raise TableRefused(f"{path}: 读不了 / cannot be read: {error.strerror}") from error
    except LookupError as error:
        raise TableRefused(f"--encoding {encoding}: 没有这种编码 / no such encoding") from error
    except UnicodeError as error:
        told = encoding or "UTF-8"
        raise TableRefused(
            f"{path}: 不是 {told}。中文 Excel 存的 CSV 多半是 --encoding gb18030（港台是 big5）"
            f" / not {told}. CSV from a Chinese Excel is mostly --encoding gb18030 (Taiwan, "
            f"Hong Kong: big5) ({error})"
        ) from error
    except csv.Error as error:
        raise TableRefused(f"{path}: 不是 CSV / not CSV: {error}") from error


def _unicode(path: Path) -> str:
    """Excel’s “Unicode text” is UTF-16 with a byte order mark, its “CSV UTF-8” has one, too."""
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _mark(file: TextIO) -> str:
    heading = file.readline()
    file.seek(0)
    return next((mark for mark in _MARKS if "text" in _names(heading, mark)), ",")


def _names(heading: str, mark: str) -> list[str]:
    return [name.strip().strip('"').strip() for name in heading.split(mark)]


def _table(name: str, reader: "csv.DictReader[str]") -> Table:
    columns = tuple(column.strip() for column in reader.fieldnames or ())
    if "text" not in columns:
        raise TableRefused(
            f"{name}: 没有 text 列，现有 / no column “text”, there are: "
            f"{', '.join(columns) or '–'}. "
            "（消息那一列请叫 text / call the column of the messages “text”）"
        )
    if len(set(columns)) < len(columns):
        raise TableRefused(f"{name}: 有同名的列 / two columns have the same name")
    reader.fieldnames = list(columns)
    rows = tuple(_checked(name, reader.line_num, row) for row in reader)
    if not rows:
        raise TableRefused(f"{name}: 没有数据行 / there are no rows")
    return Table(name, columns, rows)


def _checked(name: str, line: int, row: Mapping[str | None, str | None]) -> dict[str, str]:
    if None in row or None in row.values():
        raise TableRefused(
            f"{name}:{line}: 列数与表头不符 / another number of columns than the heading has"
        )
    cells = {
        str(column): str(value) if column in {"text", "subject"} else str(value).strip()
        for column, value in row.items()
    }
    if "split" in cells:
        cells["split"] = split_of(cells["split"])
    return cells


def split_of(word: str) -> str:
    """The name of a split in small letters; “测试” is “test”."""
    word = word.strip().lower()
    return _TEST.get(word, word)


def apart(data: Sequence[Example], stranger: str) -> tuple[list[Example], list[Example]]:
    """Those of the classes, and those that some facet labels ``stranger``: of no class at all."""
    inside = [each for each in data if not stranger or stranger not in each.labels.values()]
    outside = [each for each in data if stranger and stranger in each.labels.values()]
    return inside, outside


def taxonomy_of(
    data: Sequence[Example], facets: Sequence[str], house: Taxonomy | None = None
) -> Taxonomy:
    """A taxonomy of exactly the classes that ``data`` carries.

    What ``house`` knows of a facet or class of the same name (cue words, costs, threshold) is
    taken from it, and its dictionary; its order of classes counts only where it knows every class.

    Raises:
        TableRefused: a facet has fewer than two classes.
    """
    return Taxonomy(
        version=house.version if house else "data",
        words=house.words if house else (),
        facets={facet: _facet(facet, data, house) for facet in facets},
        floors=dict(_floors(house, data)) if house else {},
    )


def _facet(facet: str, data: Sequence[Example], house: Taxonomy | None) -> FacetSpec:
    known = house.facets.get(facet) if house else None
    present = {example.labels[facet] for example in data if facet in example.labels}
    if known:
        present = set(map(known.now, present))
    if len(present) < 2:
        raise TableRefused(
            f"“{facet}”: 至少要有两个类别的样本，只有 / examples of at least two classes are "
            f"needed, there are: {', '.join(sorted(present)) or '–'}"
        )
    specs = dict(known.classes) if known else {}
    order = [value for value in specs if value in present]
    order += sorted(present - set(specs))
    classes = {value: specs.get(value) or ClassSpec(zh=value, en=value) for value in order}
    if known is None:
        return FacetSpec(zh=facet, en=facet, classes=classes)
    ordinal = known.ordinal and present <= set(specs)
    return known.model_copy(update={"classes": classes, "ordinal": ordinal})


def _floors(house: Taxonomy, data: Sequence[Example]) -> Iterator[tuple[str, FloorSpec]]:
    """The floors whose classes the data has."""
    present = {label for example in data for label in example.labels.items()}
    for name, floor in house.floors.items():
        if set(floor.sets.items()) <= present:
            yield name, floor
