"""The rules of the settings, where rules are published: the first version, or a draft."""

from collections.abc import Mapping
from typing import Any

import structlog

from config.settings import Settings, load_rules
from models.store import Store

_log = structlog.stdlib.get_logger(__name__)


async def first_rules(settings: Settings, store: Store) -> None:
    """The rules of the settings are the first version; a changed file becomes a draft.

    From then on rules are published, not read: see docs/rules.md.
    """
    content = _content(settings)
    why = f"{settings.routing or 'routing.toml'}"
    if await store.rules.first(content, why) is not None or await _is_known(store, content):
        return
    number = await store.rules.draft(content, None, why)
    _log.warning("rules file changed: kept as a draft, publish it", file=why, version=number)


def _content(settings: Settings) -> dict[str, Any]:
    return load_rules(settings).model_dump(mode="json")


async def _is_known(store: Store, content: Mapping[str, Any]) -> bool:
    versions = await store.rules.all()
    return {**content, "version": ""} in [{**v.content, "version": ""} for v in versions]


async def rules_are_known(settings: Settings, store: Store) -> bool:
    """Whether a version or a draft already says what the settings say."""
    return await _is_known(store, _content(settings))
