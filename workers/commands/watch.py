"""``shouli classifier`` shadow and watch: the classifier at work, in figures."""

from typing import Annotated, Any

import typer

from config.settings import Settings, load_taxonomy
from models.errors import ShouliError
from models.store import Store
from workers.commands.bundles import bundle_work, named, out
from workers.commands.classifier import classifier_app
from workers.commands.json_lines import print_json
from workers.commands.options import ConfigOption, JsonOption
from workers.commands.watch_telling import shadow_of, tell_shadow, tell_watch
from workers.commands.with_store import with_store


@classifier_app.command()
def shadow(
    bundle: Annotated[
        str, typer.Argument(help="开始影子运行的模型（可用开头几位） / The bundle to begin with.")
    ] = "",
    end: Annotated[bool, typer.Option("--end", help="结束影子运行 / End the shadow.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """影子运行：与现役对照，不改标签 / A challenger labels beside the champion, to compare."""
    if bundle and end:
        raise ShouliError("给出模型或 --end，不要都给 / Give a bundle or --end, not both")

    async def work(settings: Settings, store: Store) -> dict[str, Any] | None:
        if end:
            await store.shadows.end(None)
        elif bundle:
            name = await named(store, bundle)
            await bundle_work(settings, store).shadow(name, None)
        return await shadow_of(settings, store)

    told = with_store(config, work)
    if as_json:
        print_json(told)
    else:
        tell_shadow(told, out)


@classifier_app.command()
def watch(
    days: Annotated[int, typer.Option(min=1, max=120, help="最近几天 / The last days.")] = 14,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """漂移（PSI）、与更正的一致程度、是否变差、报警 / Drift, agreement, getting worse, alarms."""

    async def work(settings: Settings, store: Store) -> dict[str, Any]:
        from workers.assembly.wiring import make_watch

        seen = make_watch(settings, store, load_taxonomy(settings))
        return await seen.report(days) | {"trend": await seen.trend()}

    told = with_store(config, work)
    if as_json:
        print_json(told)
        return
    tell_watch(told, out)
