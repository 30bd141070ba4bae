"""What WeCom's codes mean, for who has to read why an answer was not sent."""

from collections.abc import Mapping

from channels.tencent.refusals import Meaning, Meanings
from models.platform_api import ErrorTexts

GONE = frozenset({40007})
"""No file has this id, or its three days are over."""

BAD_NOTICE = frozenset({95007})
"""The token of a notification is not, or no longer, a good one."""

_STALE = frozenset({40014, 42001})
"""The same of an access token."""

_AGAIN_SECONDS = 30.0
_FIXING_SECONDS = 300.0

_WAIT = "客户再发来消息后可以重发", "once the customer writes, send it again"
_CONSOLE = "企业微信管理后台", "in WeCom's admin console"

_UNFINISHED = Meaning(
    f"会话已结束，或正由企业微信里的接待人员接待，接口发不出；{_WAIT[0]}。请在{_CONSOLE[0]}把客服账号设为由接口接待",
    "The talk has ended, or somebody has taken it over in WeCom itself, so that the API may not"
    f" write; {_WAIT[1]}. Let the API attend to the account {_CONSOLE[1]}",
)

_KNOWN: Mapping[int | str, Meaning] = {
    -1: Meaning("企业微信系统繁忙，稍后再试", "WeCom is busy; tried again", _AGAIN_SECONDS),
    45009: Meaning("调用太频繁，稍后再试", "Too many calls; tried again", 60.0),
    45033: Meaning("同时调用太多，稍后再试", "Too many calls at once; tried again", 5.0),
    60020: Meaning(
        f"本机的 IP 不在可信 IP 里，请在{_CONSOLE[0]}添加",
        f"This server's IP is not a trusted one: add it {_CONSOLE[1]}",
        _FIXING_SECONDS,
    ),
    40001: Meaning(
        "Secret 不对：要“可调用接口的应用”里那个应用的，请检查",
        "The Secret is wrong: it has to be that of the app which may call the API; check it",
        _FIXING_SECONDS,
    ),
    40013: Meaning("企业 ID 不对，请检查", "The company's ID is wrong; check it", _FIXING_SECONDS),
    48002: Meaning(
        f"没有“微信客服”接口的权限：请在{_CONSOLE[0]}“微信客服 → 可调用接口的应用”里"
        "加上这个应用，并核对 Secret",
        f"The API of Customer Service is not permitted: add the app to those that may call it"
        f" {_CONSOLE[1]}, and check the Secret",
        _FIXING_SECONDS,
    ),
    95017: Meaning(
        f"“微信客服”的 API 被关闭，请在{_CONSOLE[0]}重新开启",
        f"The API of Customer Service was switched off: enable it again {_CONSOLE[1]}",
        _FIXING_SECONDS,
    ),
    95000: Meaning(
        "open_kfid 不对，请检查 accounts",
        "The open_kfid is wrong: check accounts",
        _FIXING_SECONDS,
    ),
    95004: Meaning(
        "这个客服账号不存在了，请检查 accounts",
        "There is no such service account any more: check accounts",
        _FIXING_SECONDS,
    ),
    95001: Meaning(
        f"客户上次说话后已发满 5 条；{_WAIT[0]}",
        f"Five messages have followed the customer's last one; {_WAIT[1]}",
    ),
    95002: Meaning(
        f"客户上次说话已超过 48 小时；{_WAIT[0]}",
        f"The customer's last word is more than 48 hours ago; {_WAIT[1]}",
    ),
    95013: _UNFINISHED,
    95016: _UNFINISHED,
    95018: _UNFINISHED,
    40096: Meaning(
        "企业微信不认识这位客户（external_userid）",
        "WeCom does not know this customer (external_userid)",
    ),
    45002: Meaning("内容太长", "The text is too long"),
}

MEANINGS = Meanings(("企业微信", "WeCom"), _KNOWN, _STALE)

ERROR_TEXTS = ErrorTexts(
    bad_credentials=(
        "企业微信不给访问令牌，或不认它：请检查 corp_id 和 secret"
        " / WeCom gives no access token, or does not take it: check corp_id and secret"
    ),
    login_unavailable="暂时拿不到企业微信的访问令牌 / WeCom gives no access token just now",
    rate_limited="企业微信嫌太快 / Too fast for WeCom",
    refused=MEANINGS.sentence,
)

_UNDELIVERED: Mapping[int, tuple[str, str]] = {
    1: ("客服账号已删除", "the service account was deleted"),
    2: ("应用已关闭", "the app was switched off"),
    4: (f"客户上次说话已超过 48 小时；{_WAIT[0]}", f"more than 48 hours have gone by; {_WAIT[1]}"),
    5: (f"会话已结束；{_WAIT[0]}", f"the talk has ended; {_WAIT[1]}"),
    6: (f"已发满 5 条；{_WAIT[0]}", f"five messages were sent before; {_WAIT[1]}"),
    8: ("企业没有验证主体", "the company is not verified"),
    10: ("客户拒收", "the customer refuses messages"),
    11: ("企业没有成员登录企业微信", "nobody of the company is signed in to WeCom"),
    12: ("这类消息不许发", "this kind of message is not permitted"),
    13: ("企业微信的安全限制", "WeCom's own safety rules"),
}
"""``fail_type`` of the event “msg_send_fail”."""


def undelivered(why: object) -> str:
    """A sentence for an answer that WeCom took, and could not deliver."""
    zh, en = _UNDELIVERED.get(why if isinstance(why, int) else 0, ("原因不明", "unknown why"))
    return f"企业微信没有送达：{zh} [{why}] / WeCom did not deliver it: {en} [{why}]"
