"""Wrong use of the command line, told in both languages: the library's sentences are English."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError
from typer.exceptions import TyperException

from models.remedies import remedy

_SENTENCES = (
    (r"No such option: (\S+) \(Possible options: (.+)\)", "没有选项 {0}，是不是 {1}？"),
    (r"No such option: (.+)", "没有选项 {0}。"),
    (r"No such command '(.+)'\.", "没有命令 {0}。"),
    (r"Missing command\.", "缺少命令。"),
    (r"Missing argument '(.+)'\.", "缺少参数 {0}。"),
    (r"Missing option '(.+)'\.", "缺少选项 {0}。"),
    (r"Got unexpected extra argument\(s\) \((.+)\)", "多了参数 {0}。"),
    (r"Option '(.+)' requires an argument\.", "选项 {0} 后面要有一个值。"),
    (r"Option '(.+)' does not take a value\.", "选项 {0} 不带值。"),
)
"""What the library says, to the same in Chinese; the first that fits."""

_VALUE = re.compile(r"Invalid value(?: for '(?P<name>.+?)')?: (?P<what>.+)", re.DOTALL)
_CHOICE = re.compile(r"Value error, '.*' is not one of (.+)\.", re.DOTALL)


@contextmanager
def told_in_both() -> Iterator[None]:
    """Errors of usage that leave the block say themselves in Chinese and in English."""
    try:
        yield
    except TyperException as error:
        said = _in_both(error)
        error.format_message = lambda: said  # type: ignore[method-assign]
        raise


def _in_both(error: TyperException) -> str:
    english = error.format_message()
    if found := _VALUE.fullmatch(english):
        zh, en = _what_is_wrong(error, found["what"])
        if name := found["name"]:
            zh, en = f"{name} 的值不对：{zh}", f"Invalid value for {name}: {en}"
        return f"{zh} / {en}"
    for pattern, zh in _SENTENCES:
        if found := re.fullmatch(pattern, english):
            return f"{zh.format(*found.groups())} / {english}"
    return english


def _what_is_wrong(error: TyperException, what: str) -> tuple[str, str]:
    """A check of ours says it in both languages itself; the types' checks are the libraries'."""
    if choice := _CHOICE.fullmatch(what):
        return f"只能是 {choice[1].replace(', ', '、')}。", f"Must be one of {choice[1]}."
    if isinstance(error.__cause__, ValidationError):
        return remedy(error.__cause__.errors(include_url=False)[0])
    zh, _, en = what.partition(" / ")
    return zh, en or zh
