"""What Slack's words mean, for who has to read why an answer was not sent."""

from collections.abc import Mapping
from types import MappingProxyType

LOGIN = frozenset(
    {"invalid_auth", "not_authed", "token_expired", "token_revoked", "account_inactive"}
)
"""Our own login: somebody mends the token, and the answer goes out."""

FIXABLE = frozenset({"missing_scope", "not_allowed_token_type", "messages_tab_disabled"})
"""Somebody can put it right in the app's settings, and the answer goes out."""

BUSY = frozenset({"ratelimited", "rate_limited"})

NOBODY_KNOWS = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)
"""Slack says of these that the call may have done its work."""

_LOGIN = "Slack 令牌无效，请检查 / Slack refuses the token, check it"

_NOT_IN = (
    "应用不在这个频道里，请在频道里 /invite 它 / The app is not in this channel: /invite it there"
)
_SILENCED = (
    "工作区或频道的设置不允许应用发言"
    " / The settings of the workspace or channel do not let the app speak"
)

_SENTENCES: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(LOGIN, _LOGIN)
    | {
        "missing_scope": (
            "应用缺少权限，请在 OAuth & Permissions 添加后重新安装（见渠道的说明页）"
            " / The app lacks a scope: add it under OAuth & Permissions and install again (see"
            " the channel's page)"
        ),
        "not_allowed_token_type": (
            "bot_token 不是机器人令牌（xoxb-…），请检查"
            " / bot_token is no bot token (xoxb-…): check it"
        ),
        "messages_tab_disabled": (
            "应用没有打开私信，请在 App Home 打开 Messages Tab"
            " / The app takes no direct messages: turn on the Messages Tab of App Home"
        ),
        "channel_not_found": (
            "Slack 不认识这个频道，或应用不在里面"
            " / Slack knows no such channel, or the app is not in it"
        ),
        "not_in_channel": _NOT_IN,
        "is_archived": "这个频道已归档 / This channel is archived",
        "cannot_reply_to_message": (
            "这条消息不能在串里回复 / This message takes no answers in a thread"
        ),
        "msg_too_long": "内容太长 / The text is too long",
        "restricted_action": _SILENCED,
        "restricted_action_read_only_channel": _SILENCED,
        "restricted_action_thread_locked": "这个串已锁定 / This thread is locked",
        "restricted_action_thread_only_channel": _SILENCED,
        "restricted_action_non_threadable_channel": _SILENCED,
    }
)


def sentence(word: str) -> str:
    """A sentence in both languages, with Slack's own word behind it."""
    told = _SENTENCES.get(word, "Slack 没有接受 / Slack refuses it")
    return f"{told} [{word}]"
