"""Labelled messages by rows and columns, and a taxonomy for whatever classes they carry."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from classifier.examples import Example
from classifier.text import Text
from models.errors import Permanent
from models.training import ClassSpec, FacetSpec, FloorSpec, Taxonomy

RESERVED = ("text", "subject", "channel", "group", "split", "id", "lang", "trade")
"""Columns that are no facets: of these only ``text`` must be there."""

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
    """A file of labelled messages as it was read: every row has a cell a column."""

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
        rows = tuple(row for row in table.rows if _says_something(row))
        if not rows:
            raise TableRefused(
                f"{self.name}: 除 split = test 和没有文字的以外没有行"
                " / no rows but those of split = test and those without text"
            )
        return replace(table, rows=rows)

    def left_out(self, facets: Sequence[str], stranger: str) -> dict[str, int]:
        """How many rows are not learnt from, by the first reason that each has.

        ``test`` are kept for judging, ``no_text`` say nothing, ``strangers`` are of no class, and
        ``no_label`` have none of ``facets``.
        """
        counts = dict.fromkeys(("test", "no_text", "strangers", "no_label"), 0)
        for row in self.rows:
            labels = [row[facet] for facet in facets if row[facet]]
            if row.get("split") == "test":
                counts["test"] += 1
            elif not _says_something(row):
                counts["no_text"] += 1
            elif stranger and stranger in labels:
                counts["strangers"] += 1
            elif not labels:
                counts["no_label"] += 1
        return counts

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

    def learnt_beside(self, split: str) -> "Table":
        """The rows that training on this file learns from where those of ``split`` are judged."""
        if "split" not in self.columns:
            return replace(self, rows=())
        others = self.part(["test", split_of(split)], without=True)
        return replace(others, rows=tuple(row for row in others.rows if _says_something(row)))

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
                f"the file's columns {', '.join(self.columns)}. "
                f"（叫法不同时写明 / where they are called otherwise: --columns …={known[0]}）"
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


def _says_something(row: Mapping[str, str]) -> bool:
    return bool(row["text"].strip() or row.get("subject", "").strip())


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
        TableRefused: a facet has fewer than two classes, or some that only letter case, width or
            spaces tell apart, as one class has that was written by several people.
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
    _check_spelling(facet, present)
    specs = dict(known.classes) if known else {}
    order = [value for value in specs if value in present]
    order += sorted(present - set(specs))
    classes = {value: specs.get(value) or ClassSpec(zh=value, en=value) for value in order}
    if known is None:
        return FacetSpec(zh=facet, en=facet, classes=classes)
    ordinal = known.ordinal and present <= set(specs)
    return known.model_copy(update={"classes": classes, "ordinal": ordinal})


def _check_spelling(facet: str, classes: Iterable[str]) -> None:
    alike: dict[str, list[str]] = {}
    for name in sorted(classes):
        alike.setdefault(_spelling(name), []).append(name)
    twice = [" = ".join(f"“{name}”" for name in names) for names in alike.values() if names[1:]]
    if twice:
        raise TableRefused(
            f"“{facet}”: 这些类别只差大小写、全半角或空格，请先统一写法"
            " / these classes differ only in letter case, width or spaces, write each in one way: "
            f"{'; '.join(twice)}"
        )


def _spelling(name: str) -> str:
    """Without case, width, spaces, and characters that nobody sees."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return "".join(each for each in plain if not each.isspace() and not _unseen(each))


def _unseen(character: str) -> bool:
    return unicodedata.category(character) == "Cf" or character == "\ufe0f"


def _floors(house: Taxonomy, data: Sequence[Example]) -> Iterator[tuple[str, FloorSpec]]:
    """The floors whose classes the data has."""
    present = {label for example in data for label in example.labels.items()}
    for name, floor in house.floors.items():
        if set(floor.sets.items()) <= present:
            yield name, floor
