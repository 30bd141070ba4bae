"""``shouli classifier``: train, judge and ask classifiers from the command line.

What programs read goes to standard output (JSON where asked for), progress to standard error
and only where a person watches.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from classifier import bundles
from classifier.bundle import BundleRefused
from classifier.explain import Explained
from classifier.predict import Classifier
from classifier.spans import spans
from classifier.text import Text
from config.settings import Settings, load, load_taxonomy
from models.errors import Permanent, ShouliError
from models.store import Store
from models.ticket import Labels
from workers.commands.json_lines import as_line, lines_at_hand, print_json
from workers.commands.options import ConfigOption, Group
from workers.commands.terminal import Terminal
from workers.commands.with_store import with_store

classifier_app = typer.Typer(
    cls=Group,
    help="分类器：训练、评测、预测、解释 / The classifier: train, judge, ask, explain.",
    no_args_is_help=True,
    rich_markup_mode=None,  # as the commands above it: it is loaded apart from them
)
out = Terminal()

BundleOption = Annotated[
    Path, typer.Option("--bundle", help="分类器包所在目录 / The bundle's directory.")
]
DataOption = Annotated[
    Path,
    typer.Option(
        "--data", help="CSV 或 JSONL：text，每个维度一列 / CSV or JSONL: text, one a facet."
    ),
]
EncodingOption = Annotated[
    str, typer.Option(help="文件的编码，默认 UTF-8；中文 Excel 用 gb18030 / The file's encoding.")
]
ColumnsOption = Annotated[
    str,
    typer.Option(
        help="文件里叫别的名字的列，如 内容=text,类型=type / Columns of other names in the file."
    ),
]
FacetsOption = Annotated[
    str, typer.Option(help="只用这些维度，逗号分隔 / Only these facets, comma separated.")
]
StrangerOption = Annotated[
    str, typer.Option(help="表示“都不是”的标签 / Label of messages that are of no class.")
]

MOST_SEED = 2**32 - 1
"""What scikit-learn takes."""

_STAGES = {
    "features": "提取特征 features",
    "curve": "学习曲线 learning curve",
    "fold": "交叉验证 cross-validation",
    "fit": "训练 fitting",
}


class InputBroken(Permanent):
    """Some lines of the input could not be read; the others were answered."""

    code = "input_broken"


@classifier_app.command()
def train(
    data: DataOption,
    out_dir: Annotated[Path, typer.Option("--out", help="写到这个目录 / Written here.")],
    facets: FacetsOption = "",
    seed: Annotated[
        int,
        typer.Option(min=0, max=MOST_SEED, help="同样的种子得到同样的包 / Repeatable."),
    ] = 0,
    strangers: StrangerOption = "",
    encoding: EncodingOption = "",
    columns: ColumnsOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / Print JSON.")] = False,
    config: ConfigOption = None,
) -> None:
    """用 CSV 训练一个分类器包；有 split 列时不用其中的 test / Train a bundle from a CSV file.

    Rows whose column “split” says “test” are left out.
    """
    from classifier import table_files, tables
    from classifier.examples import contradicted
    from classifier.fitting import TrainConfig
    from classifier.train import train as learn

    bundles.check_place(out_dir)
    whole = table_files.read(data, encoding, table_files.columns_called(columns))
    table = whole.learnable()
    names = table.facets(_names(facets))
    inside, _ = tables.apart(table.examples(names), strangers)
    examples = [each for each in inside if each.labels]
    left_out = whole.left_out(names, strangers)
    _tell_left_out(left_out)
    against = {facet: contradicted(examples, facet) for facet in names}
    _tell_contradicted(against)
    taxonomy = tables.taxonomy_of(examples, names, load_taxonomy(load(config, environ=os.environ)))
    with _progress() as told:
        bundle = learn(examples, taxonomy, TrainConfig(seed=seed), progress=told)
    bundle_id = bundles.save_as(bundle, out_dir)
    metrics = bundle.card.metrics
    _tell_unchecked(metrics["facets"])
    if as_json:
        told_apart = {"left_out": left_out, "contradicted": against}
        print_json({"id": bundle_id, "path": str(out_dir), **told_apart, **metrics})
        return
    out.print(f"{out_dir}: {bundle_id}", markup=False)
    out.show(_overview("交叉验证 cross-validated", metrics["facets"]))


_LEFT_OUT = {
    "test": "split = test，留给评测 kept for judging",
    "no_text": "没有文字 without text",
    "strangers": "都不是 of no class (--strangers)",
    "no_label": "没有标签 without a label",
}


def _tell_left_out(counts: dict[str, int]) -> None:
    told = [f"{_LEFT_OUT[why]}: {count}" for why, count in counts.items() if count]
    if told:
        Terminal(stderr=True).print(
            f"没有学的行 rows not learnt from: {'; '.join(told)}", markup=False, soft_wrap=True
        )


def _tell_contradicted(counts: dict[str, int]) -> None:
    for facet, count in counts.items():
        if count:
            Terminal(stderr=True).print(
                f"注意 warning: “{facet}” 有 {count} 行与文字相同的另一行标签不同，不可能都对，"
                "准确率和把握因此偏低"
                f" / {count} rows carry another label of “{facet}” than a row of the same text: "
                "they cannot all be right, and accuracy and confidence are low for it",
                markup=False,
                soft_wrap=True,
            )


def _tell_unchecked(figures: dict[str, Any]) -> None:
    for facet, each in figures.items():
        if each["unchecked"]:
            names = ", ".join(each["unchecked"])
            Terminal(stderr=True).print(
                f"注意 warning: “{facet}” 的这些类别样本太少，或彼此几乎一样，没法交叉验证，"
                "把握不可信 / these classes have too few examples, or all alike, to be "
                "cross-validated; do "
                f"not trust their confidence: {names}",
                markup=False,
                soft_wrap=True,
            )


@classifier_app.command()
def evaluate(
    bundle: BundleOption,
    data: DataOption,
    facets: FacetsOption = "",
    split: Annotated[
        str, typer.Option(help="只用这部分，默认 test / Only these rows; “test” by default.")
    ] = "test",
    strangers: StrangerOption = "",
    encoding: EncodingOption = "",
    columns: ColumnsOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / Print JSON.")] = False,
) -> None:
    """在 CSV 上评测；有 split 列时只用 test / Judge a bundle on a CSV file.

    Rows that repeat one of another split are counted, and the others judged by themselves, too.
    """
    from classifier import table_files, tables
    from classifier.examples import repeated
    from classifier.judge import judge

    classifier = Classifier.load(bundles.found_in(bundle))
    known = [head.facet for head in classifier.heads]
    whole = table_files.read(data, encoding, table_files.columns_called(columns))
    table = whole.to_judge(split)
    names = table.facets_among(known, _names(facets))
    inside, outside = tables.apart(table.examples(names), strangers)
    figures = judge(classifier, inside, outside)
    again = repeated(inside, whole.learnt_beside(split).examples(names))
    new = [each for each, known_already in zip(inside, again, strict=True) if not known_already]
    of_new = judge(classifier, new) if len(new) < len(inside) else figures
    _tell_repeated(len(inside) - len(new))
    if as_json:
        told = {"cases": len(inside), "facets": figures}
        print_json(
            {"bundle": classifier.card.id, **told, "new": {"cases": len(new), "facets": of_new}}
        )
        return
    out.show(_overview(f"{table.name}: {len(inside)}", figures))
    if of_new is not figures:
        out.show(_overview(f"没有重复的 not repeated: {len(new)}", of_new))


def _tell_repeated(count: int) -> None:
    if count:
        Terminal(stderr=True).print(
            f"注意 warning: {count} 行与同一文件里学过的行相同、几乎相同，或同属一个对话，"
            "全部行的成绩因此偏高，请看没有重复的"
            f" / {count} rows are like a row of the same file that was learnt, or of its "
            "conversation: figures of all rows flatter, look at those that are not repeated",
            markup=False,
            soft_wrap=True,
        )


@classifier_app.command()
def predict(bundle: BundleOption) -> None:
    """标准输入每行一个 JSON，标准输出每行一个结果 / JSON lines in, JSON lines out.

    A line is a string, or an object with “text” and optionally “subject”, “channel” and “id”.
    A line that is neither gets an object with “error”, and the exit code is 1 at the end.
    """
    classifier = Classifier.load(bundles.found_in(bundle))
    broken = number = 0
    for lines in lines_at_hand(cast(BufferedIOBase, sys.stdin.buffer), _BATCH):
        numbered = enumerate(lines, start=number + 1)
        number += len(lines)
        asked = [_asked(at, line) for at, line in numbered if line.strip()]
        broken += sum(text is None for _, text in asked)
        _answer(classifier, asked)
    if broken:
        raise InputBroken(f"{broken} 行读不了 / {broken} lines could not be read")


_BATCH = 64


def _asked(number: int, line: bytes) -> tuple[dict[str, Any], Text | None]:
    try:
        value = json.loads(line, parse_constant=_no_json)
    except (ValueError, RecursionError) as error:
        return {"line": number, "error": f"不是 JSON / not JSON: {error}"}, None
    if isinstance(value, str):
        return {}, Text(value)
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        return {"line": number, "error": "没有文字 text / there is no “text”"}, None
    fields = {name: value.get(name, "") for name in ("text", "subject", "channel")}
    if not all(isinstance(each, str) for each in fields.values()):
        return {"line": number, "error": "字段应是字符串 / a field is no string"}, None
    return ({"id": value["id"]} if "id" in value else {}), Text(**fields)


def _no_json(constant: str) -> None:
    raise ValueError(f"{constant} 不是 JSON 的值 / is no value of JSON")


def _answer(classifier: Classifier, asked: list[tuple[dict[str, Any], Text | None]]) -> None:
    texts = [text for _, text in asked if text is not None]
    found = _labelled(classifier, texts)
    out_lines = [
        as_line(head if text is None else {**head, **next(found), "spans": _spans_of(text)})
        for head, text in asked
    ]
    sys.stdout.buffer.write(b"".join(out_lines))
    sys.stdout.buffer.flush()


def _spans_of(text: Text) -> list[dict[str, Any]]:
    return [span._asdict() for span in spans(text.text)]


def _labelled(classifier: Classifier, texts: list[Text]) -> Iterator[dict[str, Any]]:
    for batch in classifier.batches(texts):
        by_facet = classifier.familiar(batch.scores)
        for row, labels in enumerate(classifier.labels(batch)):
            yield _plain(labels, {facet: bool(each[row]) for facet, each in by_facet.items()})


def _plain(labels: Labels, familiar: dict[str, bool]) -> dict[str, Any]:
    plain = {
        facet: {**label.model_dump(mode="json"), "familiar": familiar[facet]}
        for facet, label in labels.facets.items()
    }
    return {"labels": plain, "bundle": labels.bundle}


@classifier_app.command()
def explain(
    text: Annotated[str, typer.Argument(help="消息 / The message.")],
    bundle: Annotated[
        Path | None,
        typer.Option(help="分类器包，默认是在用的 / The bundle; by default the one in use."),
    ] = None,
    subject: Annotated[str, typer.Option(help="主题 / Subject.")] = "",
    channel: Annotated[str, typer.Option(help="chat、mail、phone、form")] = "",
    most: Annotated[int, typer.Option(min=1, help="每个维度几条理由 / Reasons shown.")] = 12,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / Print JSON.")] = False,
    config: ConfigOption = None,
) -> None:
    """为什么这样判：每个词的带符号权重 / Why: every word with its signed weight."""
    folder = bundles.found_in(bundle) if bundle else _in_use(config)
    classifier = Classifier.load(folder)
    item = Text(text, subject, channel)
    explained = classifier.explain(item)
    if as_json:
        print_json({facet: each._asdict() for facet, each in explained.items()})
        return
    (labels,) = classifier.classify([item])
    for facet, each in explained.items():
        spec = classifier.taxonomy.facets[facet]
        final = labels.facets[facet]
        floor = "" if final.value == each.value else f" → {final.value} (红线 floor)"
        out.print(f"[bold]{escape(f'{spec.zh} {spec.en}')}[/]: {escape(each.value + floor)}")
        out.show(_reasons(each, most))


def _reasons(explained: Explained, most: int) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1))
    shares = sorted(explained.probabilities.items(), key=lambda pair: -pair[1])[:3]
    table.add_row("", "", "  ".join(f"{escape(name)} {share:.0%}" for name, share in shares))
    parts = explained.contributions[:most]
    largest = max((abs(part.weight) for part in parts), default=1.0) or 1.0
    for part in parts:
        colour = "green" if part.weight > 0 else "red"
        bar = "█" * max(1, round(20 * abs(part.weight) / largest))
        table.add_row(f"[{colour}]{part.weight:+.3f}[/]", escape(part.text), f"[{colour}]{bar}[/]")
    others = explained.rest + sum(part.weight for part in explained.contributions[most:])
    table.add_row(f"{others:+.3f}", "其余 others", "")
    table.add_row(f"{explained.base:+.3f}", "什么都不说时 before anything is said", "")
    table.add_row(f"{explained.score:+.3f}", "合计 in all", "")
    return table


def _in_use(config: Path | None) -> Path:
    """The champion's directory, unpacked if this host has not had it yet."""
    from workers.learning.serving import opened

    async def find(settings: Settings, store: Store) -> Path:
        champion = await store.bundles.champion()
        if champion is None:
            raise BundleRefused(
                "还没有在用的分类器，请先 shouli run，或用 --bundle / no classifier serves yet"
            )
        folder, _ = await opened(store, settings.data_dir / "bundles", champion)
        return folder

    return with_store(config, find)


@classifier_app.command()
def report(
    bundle: BundleOption,
    out_file: Annotated[Path, typer.Option("--out", help="写到这个文件 / Written here.")],
) -> None:
    """一页 HTML：混淆、可靠性、覆盖、学习曲线 / One page of HTML with pictures."""
    from classifier.report import page

    content = page(bundles.load(bundles.found_in(bundle)))
    try:
        out_file.write_text(content, encoding="utf-8")
    except OSError as error:
        raise ShouliError(f"{out_file}: 写不了 / cannot be written: {error.strerror}") from error
    out.print(str(out_file), markup=False)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _overview(title: str, figures: dict[str, Any]) -> Table:
    table = Table(title=escape(title))
    for column in ("维度 facet", "样本 cases", "准确率 accuracy", "宏 F1 macro-F1", "ECE"):
        table.add_column(column)
    for facet, each in figures.items():
        cells = [escape(facet), str(each["cases"])]
        for name in ("accuracy", "macro_f1"):
            low, high = each["intervals"][name]
            cells.append(f"{each[name]:.1%} ({low:.1%}–{high:.1%})")
        table.add_row(*cells, f"{each['ece']:.3f}")
    return table


@contextmanager
def _progress() -> Iterator[Any]:
    """Tells how far it is, on standard error, where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(_STAGES["features"], total=1.0)

        def told(stage: str, share: float) -> None:
            progress.update(task, description=_STAGES.get(stage, stage), completed=share)

        yield told
