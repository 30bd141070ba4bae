"""A bundle's card as one page of HTML that needs nothing else: its pictures are inline SVG."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from classifier.bundle import Bundle

_SIDE = 320
_EDGE = 40
_LARGEST = 40
"""Classes of which a confusion is drawn; of more only the most confused pairs are listed."""

_STYLE = """
body{font:15px/1.6 system-ui,'PingFang SC','Microsoft YaHei',sans-serif;color:#1d2733;
max-width:1080px;margin:32px auto;padding:0 16px}
h2{margin-top:40px;border-top:1px solid #d8dee6;padding-top:16px}
table{border-collapse:collapse}td,th{padding:2px 12px 2px 0;text-align:left;font-weight:normal}
th{color:#5b6773}td{font-variant-numeric:tabular-nums}
.row{display:flex;flex-wrap:wrap;gap:24px}figure{margin:0}figcaption{color:#5b6773}
svg text{font-size:11px;fill:#5b6773}
"""


def page(bundle: Bundle) -> str:
    """The whole page, in Chinese and English. All figures are those of the card."""
    card, metrics = bundle.card, bundle.card.metrics
    facts = {
        "编号 id": card.id,
        "训练于 trained": card.created_at,
        "样本 examples": metrics["examples"],
        "特征 features": metrics["features"],
        "训练用时（秒） training seconds": metrics["training_seconds"],
        "数据指纹 data fingerprint": card.data_fingerprint,
        "分类体系 taxonomy": card.taxonomy,
        "代码版本 code version": card.code_version,
    }
    title = f"分类器报告 Classifier report {card.id[:8]}"
    body = [f"<h1>{escape(title)}</h1>", _facts(facts)]
    for head in bundle.heads:
        spec = bundle.taxonomy.facets[head.facet]
        body.append(_facet(f"{spec.zh} {spec.en}", metrics["facets"][head.facet]))
    return (
        f'<!doctype html><html lang="zh"><head><meta charset="utf-8"><title>{escape(title)}'
        f"</title><style>{_STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _facet(title: str, figures: Mapping[str, Any]) -> str:
    facts = {"样本 cases": figures["cases"]}
    for name, words in (("accuracy", "准确率 accuracy"), ("macro_f1", "宏 F1 macro-F1")):
        low, high = figures["intervals"][name]
        facts[words] = f"{figures[name]:.1%}（95 %：{low:.1%}–{high:.1%}）"
    facts["ECE"] = f"{figures['ece']:.3f}"
    facts["覆盖 coverage"] = (
        f"{figures['coverage']:.1%} ≥ {figures['threshold']}，其中正确 of these right "
        f"{figures['selective_accuracy']:.1%}"
    )
    return (
        f"<h2>{escape(title)}</h2>{_facts(facts)}<div class=row>"
        + _figure("混淆（行：真，列：判） Confusion (rows: true)", _confusion(figures))
        + _figure("可靠性：信心与事实 Reliability", _reliability(figures["reliability"]))
        + _figure("覆盖与错误率 Coverage and risk", _coverage(figures["coverage_curve"]))
        + _figure("学习曲线：样本与宏 F1 Learning curve", _learning(figures["learning_curve"]))
        + f"</div>{_classes(figures['classes'])}"
    )


def _facts(facts: Mapping[str, object]) -> str:
    rows = (f"<tr><th>{escape(k)}<td>{escape(str(v))}" for k, v in facts.items())
    return f"<table>{''.join(rows)}</table>"


def _figure(caption: str, drawing: str) -> str:
    return f"<figure>{drawing}<figcaption>{escape(caption)}</figcaption></figure>"


def _classes(classes: Mapping[str, Mapping[str, float]]) -> str:
    rows = [
        f"<tr><td>{escape(name)}<td>{each['precision']:.1%}<td>{each['recall']:.1%}"
        f"<td>{each['f1']:.1%}<td>{each['cases']}"
        for name, each in classes.items()
    ]
    heading = "<tr><th>类别 class<th>精确 precision<th>召回 recall<th>F1<th>样本 cases"
    return f"<table>{heading}{''.join(rows)}</table>"


def _svg(width: int, height: int, content: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">{content}</svg>'
    )


def _confusion(figures: Mapping[str, Any]) -> str:
    table, names = figures["confusion"], list(figures["classes"])
    if len(names) > _LARGEST:
        return _worst(table, names)
    cell = max(12, min(36, 360 // len(names)))
    left, top = 110, 60
    drawn: list[str] = []
    for row, counts in enumerate(table):
        y = top + row * cell
        drawn.append(_label(left - 4, y + cell * 0.7, names[row], "end"))
        for column, count in enumerate(counts):
            share = count / max(1, sum(counts))
            colour = "46,125,50" if row == column else "198,40,40"
            x = left + column * cell
            drawn.append(
                f'<rect x="{x}" y="{y}" width="{cell - 1}" height="{cell - 1}" '
                f'fill="rgba({colour},{share:.3f})" stroke="#e6eaef"><title>'
                f"{escape(names[row])} → {escape(names[column])}: {count}</title></rect>"
            )
            if count and cell >= 24:
                drawn.append(_label(x + cell / 2, y + cell * 0.65, str(count), "middle"))
    for column, name in enumerate(names):
        across = left + column * cell + cell * 0.6
        drawn.append(
            f'<text x="{across}" y="{top - 6}" transform="rotate(-40 {across} {top - 6})">'
            f"{escape(name[:12])}</text>"
        )
    size = len(names) * cell
    return _svg(left + size + 40, top + size + 8, "".join(drawn))


def _worst(table: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    pairs = [
        (count, names[row], names[column])
        for row, counts in enumerate(table)
        for column, count in enumerate(counts)
        if row != column and count
    ]
    worst = sorted(pairs, key=lambda pair: (-pair[0], pair[1:]))[:20]
    rows = (f"<tr><td>{escape(true)} → {escape(said)}<td>{n}" for n, true, said in worst)
    return f"<table>{''.join(rows)}</table>"


def _reliability(bins: Sequence[Mapping[str, float]]) -> str:
    diagonal = _line([(0, 0), (1, 1)], "#b8c2cc")
    points = [(each["confidence"], each["accuracy"]) for each in bins]
    dots = "".join(_dot(x, y, f"{x:.2f} / {y:.2f}") for x, y in points)
    return _plot(diagonal + _line(points, "#1565c0") + dots, "1", "1")


def _coverage(curve: Sequence[Mapping[str, float]]) -> str:
    most = max(0.05, *(point["risk"] for point in curve))
    points = [(point["coverage"], point["risk"] / most) for point in curve]
    dots = "".join(
        _dot(x, y, f"{point['coverage']:.0%}: {point['risk']:.1%}")
        for (x, y), point in zip(points, curve, strict=True)
    )
    return _plot(_line(points, "#c62828") + dots, "100 %", f"{most:.1%}")


def _learning(curve: Sequence[Mapping[str, float]]) -> str:
    most = max(point["examples"] for point in curve) or 1
    points = [(point["examples"] / most, point["macro_f1"]) for point in curve]
    dots = "".join(
        _dot(x, y, f"{point['examples']}: {y:.3f}")
        for (x, y), point in zip(points, curve, strict=True)
    )
    return _plot(_line(points, "#2e7d32") + dots, str(most), "1")


def _plot(content: str, x_end: str, y_end: str) -> str:
    span = _SIDE - 2 * _EDGE
    frame = (
        f'<rect x="{_EDGE}" y="{_EDGE}" width="{span}" height="{span}" fill="none" '
        'stroke="#d8dee6"/>'
    )
    marks = (
        _label(_EDGE - 4, _SIDE - _EDGE, "0", "end")
        + _label(_EDGE - 4, _EDGE + 8, y_end, "end")
        + _label(_SIDE - _EDGE, _SIDE - _EDGE + 16, x_end, "end")
    )
    return _svg(_SIDE, _SIDE, frame + content + marks)


def _at(x: float, y: float) -> tuple[float, float]:
    span = _SIDE - 2 * _EDGE
    return round(_EDGE + x * span, 1), round(_SIDE - _EDGE - y * span, 1)


def _line(points: Sequence[tuple[float, float]], colour: str) -> str:
    path = " ".join(f"{x},{y}" for x, y in (_at(*point) for point in points))
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _dot(x: float, y: float, title: str) -> str:
    left, top = _at(x, y)
    told = f"<title>{escape(title)}</title>"
    return f'<circle cx="{left}" cy="{top}" r="4" fill="#37474f">{told}</circle>'


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
