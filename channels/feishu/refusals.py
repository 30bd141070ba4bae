"""What Feishu's codes mean, for who has to read why an answer was not sent."""

from collections.abc import Mapping
from types import MappingProxyType

from channels.feishu.client import NO_SCOPE
from models.platform_api import ErrorTexts, Refused

_SENTENCES: Mapping[int | str, str] = MappingProxyType(
    {
        230001: "飞书说请求的参数不对 / Feishu finds the request wrong",
        230002: "机器人不在这个群里，请重新拉进群 / The bot is not in this group: invite it again",
        230006: (
            "应用没有启用机器人能力，请在开发者后台启用并发布"
            " / The app has no bot ability: enable it in the developer console and publish"
        ),
        230011: "要回复的消息已撤回 / The message that is answered was withdrawn",
        230013: (
            "这位用户不在应用的可用范围内，请在开发者后台调整"
            " / This person is outside the app's availability: change it in the developer console"
        ),
        230018: "群设置不允许机器人发言 / The group's settings do not let the bot speak",
        230019: "这个话题已不存在 / This topic is no more",
        230022: "飞书认为内容里有敏感信息 / Feishu finds sensitive information in it",
        230025: "内容超过飞书允许的长度 / It is longer than Feishu takes",
        230027: "应用没有发送这条消息的权限 / The app may not send this",
        230028: "内容没有通过审核 / It did not pass the company's review",
        230029: "这位用户已离职 / This person has left the company",
        230034: "飞书不认识这个会话 / Feishu knows no such chat",
        230035: "没有权限在这个会话里发言 / There is no permission to speak in this chat",
        230038: "不能给外部企业的用户发单聊 / People of other companies cannot be written to",
        230053: "用户停止了接收机器人的消息 / The person has stopped the bot's messages",
        230110: "要回复的消息已删除 / The message that is answered was deleted",
        231003: "要回复的消息已不存在 / The message that is answered is no more",
        232009: "这个群已解散 / This group was dissolved",
        234001: "飞书说请求的参数不对 / Feishu finds the request wrong",
        234002: "应用没有权限取这个文件 / The app may not have this file",
        234003: "文件不在这条消息里 / The file is not in this message",
        234004: "机器人不在这个会话里，取不到文件 / The bot is not in this chat",
        234006: "文件太大，飞书不收 / The file is larger than Feishu takes",
        234010: "文件是空的 / The file is empty",
        234037: "文件超过飞书允许下载的大小 / The file is larger than Feishu gives",
        NO_SCOPE: (
            "应用缺少权限，请在开发者后台开通并发布（见渠道的说明页）"
            " / The app lacks a scope: add it in the developer console and publish (see the"
            " channel's page)"
        ),
    }
)


def _sentence(refused: Refused) -> str:
    """A sentence in both languages, with Feishu's own code and words behind it."""
    told = _SENTENCES.get(refused.code, "飞书没有接受 / Feishu did not take it")
    return f"{told} [{refused}]"


ERROR_TEXTS = ErrorTexts(
    bad_credentials=(
        "app_id 或 app_secret 不对，请到飞书开发者后台核对"
        " / app_id or app_secret is wrong: check it in Feishu's developer console"
    ),
    login_unavailable="暂时拿不到飞书的令牌 / Feishu gives no token just now",
    rate_limited="飞书嫌太快 / Too fast for Feishu",
    refused=_sentence,
)
