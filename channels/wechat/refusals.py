"""What WeChat's codes mean, for who has to read why an answer was not sent."""

from collections.abc import Mapping

from channels.tencent.refusals import Meaning, Meanings
from models.platform_api import ErrorTexts

_STALE = frozenset({40001, 40014, 42001})
"""The access token is not, or no longer, a good one."""

GONE = frozenset({40007})
"""No file has this id, or its three days are over."""

_AGAIN_SECONDS = 30.0
_LOGIN_SECONDS = 300.0
_QUOTA_SECONDS = 1800.0

_WAIT = "客户再发来消息后可以重发", "once the customer writes, send it again"
_SETTINGS = "公众号后台", "in the account's settings"

_KNOWN: Mapping[int | str, Meaning] = {
    -1: Meaning("微信系统繁忙，稍后再试", "WeChat is busy; tried again", _AGAIN_SECONDS),
    45011: Meaning("调用太频繁，稍后再试", "Too many calls; tried again", 60.0),
    45009: Meaning(
        "公众号今天的接口次数用完了，过后再试",
        "The account's calls of this day are used up; tried again later",
        _QUOTA_SECONDS,
    ),
    40164: Meaning(
        f"本机的 IP 不在 IP 白名单里，请在{_SETTINGS[0]}添加",
        f"This server's IP is not on the list of allowed ones: add it {_SETTINGS[1]}",
        _LOGIN_SECONDS,
    ),
    40125: Meaning("AppSecret 不对，请检查", "The AppSecret is wrong; check it", _LOGIN_SECONDS),
    40013: Meaning("AppID 不对，请检查", "The AppID is wrong; check it", _LOGIN_SECONDS),
    45015: Meaning(
        f"客户上次说话已超过 48 小时，或取消了关注；{_WAIT[0]}",
        f"The customer's last word is more than 48 hours ago, or they left; {_WAIT[1]}",
    ),
    45047: Meaning(
        f"客户上次说话后已发满 5 条；{_WAIT[0]}",
        f"Five messages have followed the customer's last one; {_WAIT[1]}",
    ),
    40003: Meaning(
        "这个 OpenID 不是本公众号的客户，或已取消关注",
        "This OpenID is no customer of the account, or has left",
    ),
    43004: Meaning("客户没有关注公众号", "The customer does not follow the account"),
    43019: Meaning("客户在公众号的黑名单里", "The customer is on the account's blacklist"),
    48002: Meaning("客户拒收公众号的消息", "The customer refuses the account's messages"),
    50005: Meaning("客户已取消关注", "The customer has left the account"),
    48001: Meaning(
        "公众号没有客服消息接口的权限（需要认证），取得后可以重发",
        "The account may not send such messages (it has to be verified); then send it again",
    ),
    48004: Meaning(
        "公众号的接口被封禁，见后台通知",
        "The account is barred from the API: see its notices",
    ),
    45002: Meaning("内容太长", "The text is too long"),
    87014: Meaning(
        "微信认为内容违规，请改写", "WeChat objects to what it says; write it otherwise"
    ),
}


MEANINGS = Meanings(("微信", "WeChat"), _KNOWN, _STALE)

ERROR_TEXTS = ErrorTexts(
    bad_credentials=(
        "微信不给访问令牌，或不认它：请检查 appid 和 app_secret"
        " / WeChat gives no access token, or does not take it: check appid and app_secret"
    ),
    login_unavailable="暂时拿不到微信的访问令牌 / WeChat gives no access token just now",
    rate_limited="微信嫌太快 / Too fast for WeChat",
    refused=MEANINGS.sentence,
)
