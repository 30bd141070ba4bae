"""``docs/configuration.md``, written from the settings so that it cannot fall behind them."""

import tomllib
import typing
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from config.origins import PREFIX
from config.problems import is_model
from config.settings import Settings

_HEAD = """\
# 设置 / Configuration

本页由 `config/` 生成，请勿手改。 / Generated from `config/`; do not edit by hand.

取值的先后：自带的 `config/default.toml`，您的 `shouli.toml`（`--config`、`SHOULI_CONFIG`，
或工作目录里的那一个），环境变量；后者优先。只写要改的键。
写错的键、值会在启动时逐条指出，并说明怎么改。
环境变量里的列表和表按 TOML 写：`SHOULI_HOURS__PERIODS__SATURDAY='["10:00-16:00"]'`。
渠道的文字里，`{desk.port}` 这样的写法是另一个设置的值。

Values are read from `config/default.toml`, then your `shouli.toml` (`--config`,
`SHOULI_CONFIG`, or the one in the working directory), then the environment; later ones win.
Write only what you change. Whatever is wrong is listed at the start, with the remedy.
In the environment, lists and tables are written as in TOML. In the texts of a channel,
`{desk.port}` stands for the value of another setting.
"""

_TABLE = "| 键 Key | 环境变量 Environment | 默认 Default | 含义 Meaning |\n|---|---|---|---|\n"


_LONGEST_DEFAULT = 100
"""Characters; what is longer stands in ``default.toml``."""


def document(channels: Mapping[str, type[BaseModel]]) -> str:
    """The whole page. ``channels`` maps each channel's name to the model of its options."""
    defaults = tomllib.loads(resources.files("config").joinpath("default.toml").read_text("utf-8"))
    parts = list(_sections(Settings, defaults, ()))
    set_here = defaults["channels"]
    parts += [_channel(name, channels[name], set_here.get(name, {})) for name in sorted(channels)]
    return _HEAD + "".join(f"\n{part}" for part in parts)


def _channel(name: str, options: type[BaseModel], defaults: Mapping[str, Any]) -> str:
    """A channel's section. Most of its defaults stand in its own model: it is a stranger here."""
    rows = "".join(
        _row(field, defaults.get(key, _plain(field)), ("channels", name, key))
        for key, field in options.model_fields.items()
    )
    return f"## [channels.{name}]\n\n{_TABLE}{rows}"


def _plain(field: FieldInfo) -> Any:
    """A default as TOML would hold it; None where there is none, or the key must be given."""
    return None if field.is_required() else to_jsonable_python(field.default)


def _sections(
    model: type[BaseModel], defaults: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[str]:
    title = f"[{'.'.join(path)}] " if path else ""
    rows = "".join(
        _row(field, defaults.get(name), (*path, name))
        for name, field in model.model_fields.items()
        if _model_of(field) is None
    )
    yield f"## {title}{(model.__doc__ or '').strip().rstrip('.')}\n\n{_TABLE}{rows}"
    for name, field in model.model_fields.items():
        inner = _model_of(field)
        if inner is not None:
            yield from _sections(inner, defaults[name], (*path, name))


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    return field.annotation if is_model(field.annotation) else None


def _row(field: FieldInfo, default: Any, path: tuple[str, ...]) -> str:
    values = _models_in(field)
    meaning = (field.description or "").replace("|", "\\|")
    if values is not None:
        inner = "; ".join(f"`{name}` {f.description}" for name, f in values.model_fields.items())
        meaning = f"{meaning} — {inner}"
    variable = PREFIX + "__".join(path).upper()
    shown = "–" if default is None else f"`{_toml(default)}`"
    if len(shown) > _LONGEST_DEFAULT:
        shown = "…"
    return f"| `{path[-1]}` | `{variable}` | {shown} | {meaning}{_bounds(field)} |\n"


def _models_in(field: FieldInfo) -> type[BaseModel] | None:
    """The model of the values, where a field is a table of them."""
    for argument in typing.get_args(field.annotation):
        if is_model(argument):
            return argument
    return None


def _bounds(field: FieldInfo) -> str:
    """The limits that the field checks, as they are written in mathematics."""
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
    limits = [
        f"{sign} {getattr(limit, name)}"
        for limit in field.metadata
        for name, sign in signs.items()
        if hasattr(limit, name)
    ]
    return f" ({', '.join(limits)})" if limits else ""


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return str(value)
