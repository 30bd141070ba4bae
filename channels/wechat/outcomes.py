"""What WeChat's error codes mean for an answer, and how it is said to the agent."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from models.message import SendResult

STALE = frozenset({40001, 40014, 42001})
"""The access token is not, or no longer, a good one."""

GONE = frozenset({40007})
"""No file has this id, or its three days are over."""

AGAIN_SECONDS = 30.0
LOGIN_SECONDS = 300.0
_QUOTA_SECONDS = 1800.0

_MOST_WORDS = 160


class Refused(Exception):
    """WeChat understood the call and did not do it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


class _Meaning(NamedTuple):
    zh: str
    en: str
    again: float = 0.0
    """Seconds until it is tried again; 0: it is not."""


_WAIT = "客户再发来消息后可以重发", "once the customer writes, send it again"
_SETTINGS = "公众号后台", "in the account's settings"

_MEANINGS: Mapping[int, _Meaning] = {
    -1: _Meaning("微信系统繁忙，稍后再试", "WeChat is busy; tried again", AGAIN_SECONDS),
    45011: _Meaning("调用太频繁，稍后再试", "Too many calls; tried again", 60.0),
    45009: _Meaning(
        "公众号今天的接口次数用完了，过后再试",
        "The account's calls of this day are used up; tried again later",
        _QUOTA_SECONDS,
    ),
    40164: _Meaning(
        f"本机的 IP 不在 IP 白名单里，请在{_SETTINGS[0]}添加",
        f"This server's IP is not on the list of allowed ones: add it {_SETTINGS[1]}",
        LOGIN_SECONDS,
    ),
    40125: _Meaning("AppSecret 不对，请检查", "The AppSecret is wrong; check it", LOGIN_SECONDS),
    40013: _Meaning("AppID 不对，请检查", "The AppID is wrong; check it", LOGIN_SECONDS),
    45015: _Meaning(
        f"客户上次说话已超过 48 小时，或取消了关注；{_WAIT[0]}",
        f"The customer's last word is more than 48 hours ago, or they left; {_WAIT[1]}",
    ),
    45047: _Meaning(
        f"客户上次说话后已发满 5 条；{_WAIT[0]}",
        f"Five messages have followed the customer's last one; {_WAIT[1]}",
    ),
    40003: _Meaning(
        "这个 OpenID 不是本公众号的客户，或已取消关注",
        "This OpenID is no customer of the account, or has left",
    ),
    43004: _Meaning("客户没有关注公众号", "The customer does not follow the account"),
    43019: _Meaning("客户在公众号的黑名单里", "The customer is on the account's blacklist"),
    48002: _Meaning("客户拒收公众号的消息", "The customer refuses the account's messages"),
    50005: _Meaning("客户已取消关注", "The customer has left the account"),
    48001: _Meaning(
        "公众号没有客服消息接口的权限（需要认证），取得后可以重发",
        "The account may not send such messages (it has to be verified); then send it again",
    ),
    48004: _Meaning(
        "公众号的接口被封禁，见后台通知",
        "The account is barred from the API: see its notices",
    ),
    45002: _Meaning("内容太长", "The text is too long"),
    87014: _Meaning(
        "微信认为内容违规，请改写", "WeChat objects to what it says; write it otherwise"
    ),
}


def refusal(told: Mapping[str, Any]) -> Refused:
    """An answer with an error code as what it is."""
    code = told.get("errcode")
    return Refused(code if isinstance(code, int) else 0, str(told.get("errmsg", "")))


def send_failure(error: Refused) -> SendResult:
    """What a refusal means: nothing was sent, and whether it makes sense to try again."""
    if error.code in STALE:
        text = f"微信拒绝访问令牌，请检查 app_secret / WeChat refuses our token ({error.code})"
        return SendResult("retry", error=text, retry_after=LOGIN_SECONDS)
    known = _MEANINGS.get(error.code)
    if known is None:
        told = error.message[:_MOST_WORDS]
        return SendResult("failed", error=f"微信没有接受 / WeChat refuses: {error.code} {told}")
    text = f"{known.zh} / {known.en} ({error.code})"
    return SendResult("retry" if known.again else "failed", error=text, retry_after=known.again)


def token_failure(error: Refused) -> SendResult:
    """The same of asking for a token: nothing was sent yet, and somebody mends what is wrong."""
    found = send_failure(error)
    return SendResult("retry", error=found.error, retry_after=found.retry_after or LOGIN_SECONDS)
