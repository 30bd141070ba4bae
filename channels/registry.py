"""Which channels there are: a name, and where to find its module when it is wanted.

A channel module has ``Options``, a pydantic model whose fields explain themselves, and
``create(options, secret)``. Outsiders announce theirs as an entry point in the group
``shouli.channels``; a built-in name cannot be taken over.
"""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any, cast

from pydantic import BaseModel

from models.errors import NotFound
from models.ports import Channel

GROUP = "shouli.channels"

BUILT_IN: Mapping[str, str] = MappingProxyType(
    {
        "dingtalk": "channels.dingtalk:create",
        "email": "channels.email:create",
        "feishu": "channels.feishu:create",
        "ingest": "channels.ingest:create",
        "slack": "channels.slack:create",
        "telegram": "channels.telegram:create",
        "webchat": "channels.webchat:create",
        "wechat": "channels.wechat:create",
        "wecom": "channels.wecom:create",
    }
)

Create = Callable[[Mapping[str, Any], bytes], Channel]


def names() -> list[str]:
    """Every channel that can be created here, built in or installed beside."""
    return sorted({*BUILT_IN, *(point.name for point in _announced())})


def create(name: str, options: Mapping[str, Any], secret: bytes) -> Channel:
    """A channel, ready to be opened.

    ``secret`` belongs to this installation and channel: tokens are signed with it.

    Raises:
        NotFound: no channel has this name.
        pydantic.ValidationError: an option is wrong.
    """
    module, _, attribute = _reference(name).partition(":")
    factory = cast("Create", getattr(import_module(module), attribute))
    return factory(options, secret)


def options_model(name: str) -> type[BaseModel]:
    """The model of a channel's options, to check settings and to document them.

    Raises:
        NotFound: no channel has this name.
    """
    module = _reference(name).partition(":")[0]
    return cast("type[BaseModel]", import_module(module).Options)


def schemas(name: str) -> Mapping[str, type[BaseModel]]:
    """What a channel publishes for those who write to it: file name to model; often nothing.

    Raises:
        NotFound: no channel has this name.
    """
    module = _reference(name).partition(":")[0]
    return cast("Mapping[str, type[BaseModel]]", getattr(import_module(module), "SCHEMAS", {}))


def _announced() -> Iterable[EntryPoint]:
    return entry_points(group=GROUP)


def _reference(name: str) -> str:
    if name in BUILT_IN:
        return BUILT_IN[name]
    for point in _announced():
        if point.name == name:
            return point.value
    known = ", ".join(names())
    raise NotFound(
        f"没有名为“{name}”的渠道，可用的有：{known} / There is no channel “{name}”; known: {known}"
    )
