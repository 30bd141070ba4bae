"""What is wrong with a value that somebody gave, and what it must be, in both languages.

Settings, bodies at the desk and messages at the HTTP door are checked by pydantic, whose own
words are English and for programmers.
"""

from types import MappingProxyType

from pydantic_core import ErrorDetails

_REMEDIES = MappingProxyType({
    "missing": ("必须填写。", "Must be given."),
    "extra_forbidden": ("没有这一项，请删去。", "There is no such field; leave it out."),
    "int_parsing": ("应为整数。", "Must be a whole number."),
    "int_type": ("应为整数。", "Must be a whole number."),
    "int_from_float": ("应为整数。", "Must be a whole number."),
    "float_parsing": ("应为数字。", "Must be a number."),
    "float_type": ("应为数字。", "Must be a number."),
    "finite_number": ("应为有限的数字。", "Must be a finite number."),
    "bool_parsing": ("应为 true 或 false。", "Must be true or false."),
    "bool_type": ("应为 true 或 false。", "Must be true or false."),
    "string_type": ("应为带引号的文字。", "Must be text in quotes."),
    "path_type": ("应为带引号的路径。", "Must be a path in quotes."),
    "greater_than": ("应大于 {gt}。", "Must be more than {gt}."),
    "greater_than_equal": ("应不小于 {ge}。", "Must be at least {ge}."),
    "less_than": ("应小于 {lt}。", "Must be less than {lt}."),
    "less_than_equal": ("应不大于 {le}。", "Must be at most {le}."),
    "dict_type": ("应为对象，例如 {{…}}。", "Must be an object: {{…}}."),
    "model_type": ("应为对象，例如 {{…}}。", "Must be an object: {{…}}."),
    "tuple_type": ("应为列表，例如 [\"…\"]。", "Must be a list, for example [\"…\"]."),
    "too_short": ("至少要有 {min_length} 项。", "Must have at least {min_length} item(s)."),
    "too_long": ("最多 {max_length} 项。", "May have {max_length} item(s) at most."),
    "string_too_short": (
        "至少要有 {min_length} 个字符。", "Must have at least {min_length} character(s)."
    ),
    "string_too_long": (
        "最多 {max_length} 个字符。", "May have {max_length} character(s) at most."
    ),
    "string_pattern_mismatch": ("应符合 {pattern}。", "Must match {pattern}."),
    "date_from_datetime_parsing": ("应为日期，例如 2026-10-01。", "Must be a date: 2026-10-01."),
    "date_parsing": ("应为日期，例如 2026-10-01。", "Must be a date: 2026-10-01."),
    "timezone_aware": (
        "要写明时区，例如 2026-10-01T09:00:00+08:00。",
        "Must name its zone: 2026-10-01T09:00:00+08:00.",
    ),
})  # fmt: skip


def remedy(detail: ErrorDetails) -> tuple[str, str]:
    """A complaint of pydantic as a Chinese and an English sentence.

    A validator of ours says it in both languages itself: “中文 / English”.
    """
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in ("too_short", "too_long") and isinstance(detail["input"], str):
        # Behind a validator of ours pydantic measures whatever comes, and calls all of it items.
        kind = f"string_{kind}"
    if kind in ("literal_error", "enum"):
        either = context["expected"]
        listed = either.replace(", ", "、").replace(" or ", "、")
        return f"只能是 {listed}。", f"Must be one of {either}."
    if kind == "string_pattern_mismatch" and context["pattern"].startswith("^https?://"):
        return (
            "应为 http:// 或 https:// 开头的地址，没有空格。",
            "Must be an address that begins with http:// or https://, without spaces.",
        )
    if kind == "value_error":
        zh, _, en = str(context["error"]).partition(" / ")
        return f"{zh}。", f"{en or zh}."
    if kind in _REMEDIES:
        zh, en = _REMEDIES[kind]
        told = {name: _plain(limit) for name, limit in context.items()}
        return zh.format_map(told), en.format_map(told)
    return f"不合要求：{detail['msg']}。", f"{detail['msg']}."


def _plain(limit: object) -> object:
    """A limit as people write it: 0, not 0.0."""
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit
