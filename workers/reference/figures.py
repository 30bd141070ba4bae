"""``docs/figures.md``, written from the definitions so that it cannot fall behind them."""

from models.figures import DIMENSION_NAMES, FIGURES

_HEAD = """# 指标 / Figures

由 `models/figures.py` 生成，不要手改。 / Written from `models/figures.py`; do not edit.

每个指标都用 SQL 现算，期间含起点、不含终点，按中心的时区。
垃圾工单和并入别处的工单哪里都不算；业务域和地区按今天的标签，客户等级按今天的。
可以按{dimensions}分开看（地区：分类体系里有 `region` 这一维时）。没有分母的比例显示为空，不是 0。
/ Each is counted in SQL when it is asked for. A period has its start and not its end, in the time
zone of the centre. Junk, and tickets merged into others, count nowhere; domains and regions
are those of the labels of today, tiers those of today. By {english} (a region: where the taxonomy
has a facet `region`). A share of nothing is shown as nothing, not as 0.

| | 指标 Figure | 定义 | Definition |
|---|---|---|---|
"""

_TAIL = """
评价怎样得来，见 [customers.md](customers.md)；电话 4 声接听率见 `shouli calls`。
/ How ratings come about: customers.md. For calls answered within four rings: `shouli calls`.

`shouli figures month --month 2026-11 --out F.xlsx`（或 .csv）写月报；
`GET /api/v1/figures` 给程序，坐席台“报表”页给班长。
/ The first writes a month's file; the second is for programs, the page “Figures” at the desk for
supervisors.
"""


def figures_page() -> str:
    """The whole page."""
    zh = "、".join(names[0] for names in DIMENSION_NAMES.values())
    en = ", ".join(names[1].lower() for names in DIMENSION_NAMES.values())
    rows = [
        f"| `{name}` | {figure.zh} {figure.en} | {figure.says_zh} | {figure.says_en} |"
        for name, figure in FIGURES.items()
    ]
    return _HEAD.format(dimensions=zh, english=en) + "\n".join(rows) + "\n" + _TAIL
