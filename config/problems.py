"""What is wrong with a configuration, told so that the operator can put it right."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from types import GenericAlias, NoneType, UnionType
from typing import Any, NamedTuple, TypeGuard, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config.origins import Origins
from models.errors import ShouliError
from models.remedies import remedy

_SECRET = re.compile(r"secret|token|passw|key|credential|signing|url\b", re.IGNORECASE)
"""Settings with such names are never echoed; an address may hold a password."""


class Problem(NamedTuple):
    """One thing wrong with the configuration; ``value`` is already free of secrets."""

    key: str
    value: str
    zh: str
    en: str
    source: str = ""

    def __str__(self) -> str:
        where = f"  [{self.source}]" if self.source else ""
        return f"{self.key} = {self.value}{where}\n    {self.zh}\n    {self.en}"


class ConfigurationError(ShouliError):
    """The start is refused, or a file. The text names each key, its value and the remedy."""

    code = "configuration"

    def __init__(self, problems: Sequence[Problem], says: tuple[str, str] | None = None) -> None:
        """``says`` (zh, en) is the first line, where it is not the settings that are wrong."""
        self.problems = tuple(problems)
        lines = "\n".join(f"- {problem}" for problem in problems)
        zh, en = says or (
            f"配置有 {len(problems)} 处问题，未启动。",
            f"{len(problems)} problem(s) in the configuration; not started.",
        )
        super().__init__(f"{zh} / {en}\n{lines}")


def explain(
    error: ValidationError,
    model: type[BaseModel],
    values: Mapping[str, Any],
    *,
    at: Sequence[str] = (),
    origins: Origins | None = None,
) -> Iterator[Problem]:
    """The complaints of ``model`` about ``values``, each with key, value and remedy.

    ``at`` is where the values stand in the settings: ("channels", "email"). ``origins`` tells
    which file or environment variable a key was read from.
    """
    for detail in _first_hand(error.errors(include_url=False)):
        path = tuple(str(part) for part in detail["loc"] if part != "[key]")
        whole = (*at, *path)
        zh, en = _remedy(detail, whole, _siblings(model, path))
        source = origins.source(whole) if origins else ""
        yield Problem(".".join(whole), _shown(path, values), zh, en, source)


def _first_hand(details: Sequence[ErrorDetails]) -> Iterator[ErrorDetails]:
    """Without lists that are too short only because what stands in them is wrong."""
    for detail in details:
        at = detail["loc"]
        inside = any(len(d["loc"]) > len(at) and d["loc"][: len(at)] == at for d in details)
        if not (detail["type"] == "too_short" and inside):
            yield detail


_LONGEST = 120
"""Characters of a value that are shown; a whole table would hide the remedy."""


def _shown(path: tuple[str, ...], values: Mapping[str, Any]) -> str:
    """The offending value, or a note that it is kept secret."""
    found: Any = values
    for part in path:
        if isinstance(found, Mapping) and part in found:
            found = found[part]
        elif isinstance(found, Sequence) and not isinstance(found, str) and part.isdigit():
            found = found[int(part)]
        else:
            return "（未写 / missing）"
    if any(_SECRET.search(part) for part in path):
        return "（保密 / hidden）"
    if isinstance(found, Mapping):
        return keys_of(found)
    text = repr(found)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def keys_of(section: Mapping[str, Any]) -> str:
    """A whole section as it is shown: what is set in it, without the values."""
    return f"{{{', '.join(section)}}}"


def _siblings(model: type[BaseModel], path: Sequence[str]) -> list[str]:
    """The keys that could have been meant in place of the last one of ``path``."""
    kind: Any = model
    for part in path[:-1]:
        kind = _within(kind, part)
    return list(kind.model_fields) if is_model(kind) else []


def _within(kind: Any, part: str) -> Any:
    """The type of what stands at a key of a section, a place of a list, a name of a table."""
    if is_model(kind):
        field = kind.model_fields.get(part)
        found = field.annotation if field else None
    else:
        found = next((of for of in reversed(get_args(kind)) if of is not Ellipsis), None)
    either = [of for of in get_args(found) if of is not NoneType]
    return either[0] if isinstance(found, UnionType) and len(either) == 1 else found


def is_model(annotation: Any) -> TypeGuard[type[BaseModel]]:
    """Whether a setting is a section of its own."""
    # list[str] passes for a class here and is then refused by issubclass.
    plain = isinstance(annotation, type) and not isinstance(annotation, GenericAlias)
    return plain and issubclass(annotation, BaseModel)


def _remedy(detail: ErrorDetails, path: Sequence[str], siblings: Sequence[str]) -> tuple[str, str]:
    kind = detail["type"]
    if kind == "extra_forbidden":
        meant = _meant(str(detail["loc"][-1]), siblings)
        hint = (f"是不是 {meant}？", f" Did you mean {meant}?") if meant else ("", "")
        return f"没有这个设置。{hint[0]}", f"No such setting.{hint[1]}"
    if kind in ("dict_type", "model_type"):
        return "应为一节（[…]）。", "Must be a section ([…])."
    if kind == "tuple_type" and isinstance(detail["input"], Mapping):
        head = f"[[{'.'.join(path)}]]"
        return (
            f"可以有几个，每个都以 {head} 开头。",
            f"There may be several: head each with {head}.",
        )
    return remedy(detail)


def _meant(key: str, siblings: Sequence[str]) -> str:
    """What an unknown key probably stands for: its neighbour, or a variable misspelt."""
    for section in siblings:
        if key.startswith(f"{section}_"):  # SHOULI_DESK_PORT, an underscore too few
            inner = key.removeprefix(f"{section}_")
            inner = inner.replace("_", ".", 1) if section == "channels" else inner
            meant = f"{section}.{inner}"
            return f"{meant} (SHOULI_{meant.replace('.', '__').upper()})"
    close = difflib.get_close_matches(key, siblings, 1)
    return close[0] if close else ""
