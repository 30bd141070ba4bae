"""``shouli classifier`` list, compare, promote, rollback, retrain, cancel, status: the store's."""

import asyncio
import time
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from config.settings import Settings, load_taxonomy
from models.errors import Conflict, Permanent, ShouliError
from models.store import Store
from models.training import Retraining
from workers.commands.classifier import MOST_SEED, classifier_app
from workers.commands.json_lines import print_json
from workers.commands.options import ConfigOption, JsonOption
from workers.commands.terminal import Terminal, moment
from workers.commands.watch_telling import shadow_of, tell_shadow
from workers.commands.with_store import with_store
from workers.learning.bundle_work import BundleWork

_T = TypeVar("_T")

out = Terminal()

_UNHEARD_SECONDS = 20.0
_STAGES = {
    "waiting": "等待工作进程 waiting for a worker",
    "start": "启动 starting",
    "split": "分组 grouping",
    "features": "提取特征 features",
    "curve": "学习曲线 learning curve",
    "fold": "交叉验证 cross-validation",
    "fit": "训练 fitting",
    "judged": "评测 judging",
    "agents": "核对各坐席的更正 checking agents",
    "saved": "保存 saving",
    "done": "完成 done",
}

WhyOption = Annotated[str, typer.Option("--why", help="理由，记入审计 / Why, for the audit.")]


class RetrainingFailed(Permanent):
    """The run ended without a bundle; the sentence says why."""

    code = "retraining_failed"


def bundle_work(settings: Settings, store: Store) -> BundleWork:
    return BundleWork(store, settings.data_dir / "bundles", load_taxonomy(settings))


@classifier_app.command("list")
def list_bundles(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """列出模型，* 为现役 / List the bundles; * serves."""

    async def read(
        settings: Settings, store: Store
    ) -> tuple[Settings, str | None, list[dict[str, Any]]]:
        return settings, await store.bundles.champion(), await store.bundles.cards()

    settings, champion, cards = with_store(config, read)
    if as_json:
        print_json({"champion": champion, "bundles": cards})
        return
    columns = (
        "",
        "id",
        "生成 made",
        "启用 promoted",
        "样本 examples",
        "宏 F1 macro-F1",
        "保留 kept",
    )
    table = Table(*columns)
    for card in cards:
        metrics = card["card"].get("metrics", {})
        facets = metrics.get("facets", {})
        scores = " ".join(f"{name} {each['macro_f1']:.3f}" for name, each in facets.items())
        table.add_row(
            "*" if card["id"] == champion else "",
            escape(card["id"]),
            moment(card["created_at"], settings),
            moment(card["promoted_at"], settings),
            str(metrics.get("examples", "")),
            escape(scores),
            _keeping(card, settings),
        )
    out.show(table)


def _keeping(card: dict[str, Any], settings: Settings) -> str:
    if card["dropped_at"] is not None:
        return f"[dim]清除于 dropped {moment(card['dropped_at'], settings)}[/]"
    return "固定 pinned" if card["pinned_at"] is not None else "✓"


@classifier_app.command()
def pin(bundle: str, config: ConfigOption = None) -> None:
    """保留一个模型，不论多旧 / Keep a bundle, however old it gets."""
    out.print(with_store(config, lambda _, store: _pinned(store, bundle, pinned=True)))


@classifier_app.command()
def unpin(bundle: str, config: ConfigOption = None) -> None:
    """不再固定保留；以后照保留期清除 / No longer: it goes when its time is over."""
    out.print(with_store(config, lambda _, store: _pinned(store, bundle, pinned=False)))


async def _pinned(store: Store, prefix: str, *, pinned: bool) -> str:
    name = await named(store, prefix)
    await store.bundles.pin(name, None, pinned=pinned)
    return name


@classifier_app.command()
def compare(
    one: str, other: str, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """在金标集上比较两个模型（可用开头几位） / Two bundles on the golden set; prefixes will do."""

    async def judge(settings: Settings, store: Store) -> dict[str, Any]:
        first, second = await named(store, one), await named(store, other)
        return await bundle_work(settings, store).compare(first, second)

    figures = with_store(config, judge)
    if as_json:
        print_json(figures)
        return
    for facet, found in figures.items():
        out.show(_comparison(facet, found))
    told = with_store(config, shadow_of)
    if told is not None and told["bundle"].startswith((one, other)):
        tell_shadow(told, out)


@classifier_app.command()
def promote(
    bundle: str,
    why: WhyOption = "",
    against_gate: Annotated[
        bool, typer.Option("--against-gate", help="关口没过也启用 / Although the gate said no.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """启用一个模型；工作进程 5 秒内换用 / Promote a bundle; workers take it up within 5 s."""

    async def move(settings: Settings, store: Store) -> str:
        name = await named(store, bundle)
        work = bundle_work(settings, store)
        await work.promote(name, None, why, against_gate=against_gate)
        return name

    out.print(f"现役 champion: {with_store(config, move)}", markup=False)


@classifier_app.command()
def rollback(
    champion: Annotated[
        str,
        typer.Argument(
            help="要退下的模型（开头几位即可）；现役已换就什么都不做"
            " / The bundle that is to go (a prefix will do): where another serves by now, nothing"
            " is done."
        ),
    ] = "",
    why: WhyOption = "",
    config: ConfigOption = None,
) -> None:
    """退回上一个现役模型 / Back to the bundle that served before."""

    async def move(_: Settings, store: Store) -> tuple[str | None, str]:
        # Without a name it is the one that serves now: what is told below is what was done.
        off = await named(store, champion) if champion else await store.bundles.champion()
        return off, await _rolled_back(store, off, why)

    off, back = with_store(config, move)
    out.print(f"退下 off: {off}", markup=False)
    out.print(f"现役 champion: {back}", markup=False)


async def _rolled_back(store: Store, off: str | None, why: str) -> str:
    try:
        return await store.bundles.rollback(None, why, off=off)
    except Conflict as error:
        now = await store.bundles.champion()
        if now == off:
            raise ShouliError(f"在它之前没有模型服役过，无从回退 / {error}") from error
        raise ShouliError(
            f"没有回退：要退下的是 {off}，现役已是 {now}，请看过再说"
            f" / not rolled back: {off} was to go, and {now} serves by now; look at it again"
        ) from error


@classifier_app.command()
def retrain(
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="随机种子 / Random seed.")] = 0,
    wait: Annotated[bool, typer.Option(help="等它结束 / Wait for its end.")] = True,
    config: ConfigOption = None,
) -> None:
    """用坐席的更正重新训练，由工作进程执行 / Train from agents' corrections, in a worker."""

    async def ask(_: Settings, store: Store) -> str:
        return await store.retrainings.ask(None, seed=seed)

    run_id = with_store(config, ask)
    if not wait:
        out.print(run_id, markup=False)
        return
    run = with_store(config, lambda _settings, store: _followed(store, run_id))
    _tell(run)
    if run.state != "done":
        words = run.error or {"zh": "已取消", "en": "It was cancelled"}
        raise RetrainingFailed(f"{words['zh']} / {words['en']}")


@classifier_app.command()
def cancel(config: ConfigOption = None) -> None:
    """取消正在进行的训练 / Cancel the retraining that runs."""

    async def stop(_: Settings, store: Store) -> str:
        (latest,) = await store.retrainings.latest(1) or (None,)
        if latest is None:
            raise ShouliError("还没有训练过 / nothing was ever retrained")
        await store.retrainings.cancel(latest.id, None)
        return latest.id

    out.print(with_store(config, stop), markup=False)


@classifier_app.command()
def status(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """最近一次训练的进度或结果 / The latest retraining: how far it is, or what came of it."""

    async def read(_: Settings, store: Store) -> tuple[Retraining | None, dict[str, int]]:
        champion = await store.bundles.champion()
        upto = await store.retrainings.learnt_upto(champion) if champion else 0.0
        (latest,) = await store.retrainings.latest(1) or (None,)
        return latest, await store.corrections.counts(upto)

    run, corrections = with_store(config, read)
    if as_json:
        print_json({"retraining": run and asdict(run), "corrections": corrections})
        return
    out.print(
        "更正 corrections: {given}，新的 new {new}，排除 excluded {excluded}".format(**corrections)
    )
    if run is not None:
        _tell(run)
    tell_shadow(with_store(config, shadow_of), out)


async def named(store: Store, prefix: str) -> str:
    ids = [card["id"] for card in await store.bundles.cards()]
    found = [name for name in ids if name.startswith(prefix)]
    if len(found) != 1:
        raise ShouliError(
            f"“{prefix}” 对应 {len(found)} 个模型，见 shouli classifier list"
            f" / “{prefix}” is {len(found)} bundles: see shouli classifier list"
        )
    return str(found[0])


async def _followed(store: Store, run_id: str) -> Retraining:
    """Shows how far a run is until it has ended. Ctrl-C leaves it running."""
    console = Console(stderr=True)
    started = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}"))
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(_STAGES["waiting"], total=1.0, left="")
        while True:
            run = next(r for r in await store.retrainings.latest(50) if r.id == run_id)
            left = "" if run.seconds_left is None else f"{run.seconds_left:.0f} s"
            said = _STAGES.get(run.stage, run.stage)
            progress.update(task, description=said, completed=run.share, left=left)
            if run.state not in {"waiting", "running"}:
                return run
            if run.state == "waiting" and time.monotonic() - started > _UNHEARD_SECONDS:
                raise ShouliError(
                    "没有工作进程接手：请先 shouli run（或 shouli work），训练仍在排队"
                    " / no worker has taken it up: start shouli run (or work); it still waits"
                )
            await asyncio.sleep(0.5)


def _tell(run: Retraining) -> None:
    stage = _STAGES.get(run.stage, run.stage)
    out.print(f"{run.id}  {run.state}  {stage}  {run.share:.0%}", markup=False)
    if run.error:
        out.print(f"{run.error['zh']}\n{run.error['en']}", markup=False)
    if run.outcome is None:
        return
    out.print(f"挑战者 challenger: {run.bundle_id}", markup=False)
    for facet, figures in run.outcome["golden"].items():
        out.show(_comparison(facet, figures))
    verdict = run.outcome["verdict"]
    out.print(
        "关口 gate: " + ("[green]通过 passed[/]" if verdict["passed"] else "[red]未过 no[/]")
    )
    for reason in verdict["reasons"]:
        mark = "[green]✓[/]" if reason["ok"] else "[red]✗[/]"
        facet = f"{reason['facet']}: " if reason["facet"] else ""
        out.print(f"{mark} {escape(facet + reason['zh'])} / {escape(reason['en'])}")
    for suspect in run.outcome["suspects"]:
        out.print(
            f"可疑 suspect: {suspect['agent']} {suspect['facet']} {suspect['before']} → "
            f"{suspect['after']}: {suspect['against']}/{suspect['given']}",
            markup=False,
        )


def _comparison(facet: str, figures: dict[str, Any]) -> Table:
    columns = ("类别 class", "例 cases", "现役 F1", "挑战者 F1", "差 difference", "区间 interval")
    table = Table(*columns, title=escape(facet))
    rows = {"宏平均 macro": figures["macro_f1"] | {"cases": figures["cases"]}}
    for name, figure in (rows | figures["classes"]).items():
        low, high = figure["interval"]
        change = figure["difference"]
        colour = "red" if high < 0 else "green" if low > 0 else "default"
        table.add_row(
            escape(name),
            str(figure["cases"]),
            f"{figure['champion']:.3f}",
            f"{figure['challenger']:.3f}",
            f"[{colour}]{change:+.3f}[/]",
            f"{low:+.3f} … {high:+.3f}",
        )
    return table
