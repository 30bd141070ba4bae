"""Labelled messages from a CSV file, and a taxonomy for whatever classes they carry."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from classifier.examples import Example
from classifier.text import Text
from models.errors import Permanent
from models.training import ClassSpec, FacetSpec, FloorSpec, Taxonomy

_MOST_CHARACTERS = 10_000_000
RESERVED = ("text", "subject", "channel", "group", "split", "id", "lang", "trade")
"""Columns that are no facets: of these only ``text`` must be there."""


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
        facets = list(wanted) or [name for name in self.columns if name not in RESERVED]
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
        return facets

    def part(self, splits: Sequence[str], *, without: bool = False) -> "Table":
        """The rows of these splits, or of all others; the whole of a table without splits."""
        if "split" not in self.columns:
            return self
        kept = tuple(row for row in self.rows if (row["split"] in splits) != without)
        return Table(self.name, self.columns, kept)

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


def read(path: Path) -> Table:
    """The table in ``path``: UTF-8, with or without a byte order mark.

    Raises:
        TableRefused: no such file, not UTF-8, no heading, no column ``text``, a row that is
            longer or shorter than the heading, or no rows.
    """
    csv.field_size_limit(_MOST_CHARACTERS)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _table(path.name, csv.DictReader(file, strict=True))
    except OSError as error:
        raise TableRefused(f"{path}: 读不了 / cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TableRefused(
            f"{path}: 不是 UTF-8，请先转码，例如 / not UTF-8, convert it first, for instance: "
            f"iconv -f GB18030 -t UTF-8 ({error.reason})"
        ) from error
    except csv.Error as error:
        raise TableRefused(f"{path}: 不是 CSV / not CSV: {error}") from error


def _table(name: str, reader: "csv.DictReader[str]") -> Table:
    columns = tuple(column.strip() for column in reader.fieldnames or ())
    if "text" not in columns:
        raise TableRefused(
            f"{name}: 没有 text 列，现有 / no column “text”, there are: "
            f"{', '.join(columns) or '–'}"
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
    return {
        str(column): str(value) if column in {"text", "subject"} else str(value).strip()
        for column, value in row.items()
    }


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
    taken from it; its order of classes counts only where it knows every class.

    Raises:
        TableRefused: a facet has fewer than two classes.
    """
    return Taxonomy(
        version=house.version if house else "data",
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
            f"needed, there are: {', '.join(present) or '–'}"
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
