"""What overrides the defaults: the operator's file and the environment, one table over another."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from config.origins import PREFIX
from config.problems import Problem

CONFIG_VARIABLE = "SHOULI_CONFIG"
NEW_PASSWORD_VARIABLE = "SHOULI_NEW_PASSWORD"  # noqa: S105

_NO_SETTINGS = frozenset({CONFIG_VARIABLE, NEW_PASSWORD_VARIABLE})
"""Commands take them; a shell that exports one starts everything else all the same."""

FILE_NAME = "shouli.toml"


def layers(
    path: Path | None, environ: Mapping[str, str], folder: Path, problems: list[Problem]
) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """What overrides the defaults, as (name, where its paths start, values).

    The environment has no name: each of its keys is named after its variable.
    """
    wanted = path or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    file = folder / (wanted or FILE_NAME)
    if wanted is not None or file.exists():
        yield str(file), file.parent, parsed(str(file), file.read_bytes, problems)
    yield "", folder, _from_environment(environ)


def parsed(name: str, read: Callable[[], bytes], problems: list[Problem]) -> dict[str, Any]:
    """The table that a TOML file holds; empty, with one problem more, where it holds none."""
    try:
        return tomllib.loads(read().decode("utf-8-sig"))  # Notepad may put a mark before it
    except OSError as error:
        problems.append(
            Problem(
                name,
                error.strerror or "?",
                "读不到这个文件：检查路径和权限。",
                "This file cannot be read: check its path and permissions.",
            )
        )
    except UnicodeDecodeError as error:
        problems.append(
            Problem(
                name,
                f"{error.object[error.start : error.start + 1]!r} (at byte {error.start + 1})",
                "不是 UTF-8 编码：请另存为 UTF-8。",
                "Not in UTF-8: save it as UTF-8.",
            )
        )
    except tomllib.TOMLDecodeError as error:
        problems.append(
            Problem(
                name,
                str(error),
                "不是正确的 TOML：字符串要加引号，同一个键、同一节只写一次。",
                "Not TOML: strings need quotes; a key, or a section, stands there once.",
            )
        )
    return {}


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """``SHOULI_DESK__PORT=8081`` is ``desk.port``. Lists and tables are written as in TOML.

    An empty variable counts as absent: compose files pass those for what is not set.
    """
    values: dict[str, Any] = {}
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in _NO_SETTINGS and environ[name]:
            _put(values, name.removeprefix(PREFIX).lower().split("__"), environ[name])
    return values


def _put(values: dict[str, Any], path: list[str], text: str) -> None:
    table = values
    for section in path[:-1]:
        inner = table.setdefault(section, {})
        if not isinstance(inner, dict):
            return  # SHOULI_DESK=x beside SHOULI_DESK__PORT: the former is complained about
        table = inner
    table[path[-1]] = _environment_value(text)


def _environment_value(text: str) -> Any:
    if text[:1] not in ("[", "{"):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def anchor_paths(values: dict[str, Any], base: Path) -> None:
    """Makes the paths of a layer count from ``base``."""
    for key in ("data_dir", "taxonomy", "routing"):
        if isinstance(values.get(key), str):
            values[key] = str(base / Path(values[key]).expanduser())


_REFERENCE = re.compile(r"\{((?:[a-z_]+\.)+[a-z_]+)\}")
"""“{desk.port}”: another setting. Always with a full stop, so that templates keep their {text}."""


def references_in(
    node: object, at: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], frozenset[str]]]:
    """Which settings refer to which others, before they are replaced."""
    if isinstance(node, str) and (keys := _REFERENCE.findall(node)):
        yield at, frozenset(keys)
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from references_in(value, (*at, key))


def refer(node: Any, settings: Mapping[str, Any]) -> Any:
    """``node`` with references in its strings replaced; tables are changed in place."""
    if isinstance(node, str):
        return _REFERENCE.sub(lambda found: _referred(found, settings), node)
    if isinstance(node, dict):
        for key, value in node.items():
            node[key] = refer(value, settings)
    return node


def _referred(found: re.Match[str], settings: Any) -> str:
    for key in found[1].split("."):
        settings = settings.get(key) if isinstance(settings, dict) else None
    return found[0] if settings is None or isinstance(settings, dict) else str(settings)


def merge(
    into: dict[str, Any],
    values: Mapping[str, Any],
    at: tuple[str, ...],
    name: str,
    sources: dict[tuple[str, ...], str],
) -> None:
    """Puts what stands at ``at`` in a layer over ``into``; ``sources`` gets the layer's name."""
    for key, value in values.items():
        here = (*at, key)
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value, here, name, sources)
        else:
            into[key] = value
            sources[here] = name or PREFIX + "__".join(here).upper()
