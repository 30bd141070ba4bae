"""What DingTalk's codes mean, for who has to read why an answer was not sent."""

from collections.abc import Mapping
from types import MappingProxyType

from channels.dingtalk.client import CODE_OVER
from models.platform_api import ErrorTexts, Refused

NOT_OURS, KEPT_BACK = "invalidStaffIdList", "filteredStaffIdList"
"""Lists in an answer that was “done”: whom of the receivers nothing was sent to, and why."""

TOO_FAST = "flowControlledStaffIdList"

_IP = (
    "本机出网的 IP 不在应用的白名单里，请在开发者后台的“安全设置”添加"
    " / This server's IP is not on the app's list of allowed ones: add it in the developer console"
)
_SCOPE = (
    "应用缺少权限，请在开发者后台的“权限管理”开通（见渠道的说明页）"
    " / The app lacks a permission: add it in the developer console (see the channel's page)"
)
_USED_UP = (
    "企业这个月的接口调用量用完了，请在开发者后台查看用量"
    " / The company's calls of this month are used up: see the developer console"
)
_ROBOT = (
    "机器人和应用对不上：请核对 robot_code，并确认机器人已启用、应用已发布"
    " / The robot is not that of the app: check robot_code, and that the robot is enabled and the"
    " app published"
)
_GROUP = (
    "钉钉不认识这个群，或者机器人不在群里：请重新添加机器人"
    " / DingTalk knows no such group, or the robot is not in it: add the robot again"
)
_PERSON = "这位用户不在企业里，可能已离职 / This person is not in the company; they may have left"
_REQUEST = "钉钉说请求的参数不对 / DingTalk finds the request wrong"

_SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "Forbidden.AccessDenied": "钉钉不允许这样调用 / DingTalk does not allow this",
        "Forbidden.AccessDenied.AccessTokenPermissionDenied": _SCOPE,
        "Forbidden.AccessDenied.ApiCountLimitForOrg": _USED_UP,
        "Forbidden.AccessDenied.IpNotInWhiteList": _IP,
        "bot.stopped": "群里的机器人已停用 / The robot was stopped in this group",
        "group.disbanded": "这个群已解散 / This group was dissolved",
        "invalid.openConversationId": _GROUP,
        "invalidParameter": _REQUEST,
        "invalidParameter.openConversationId": _GROUP,
        "invalidParameter.robotCode": _ROBOT,
        CODE_OVER: "文件的下载码已失效 / The code of the file is over",
        "invalidParameter.userIds": _PERSON,
        "openConversationId.notExisted": _GROUP,
        "param.invalid": _REQUEST,
        "resource.not.found": _ROBOT,
        "staffId.notExisted": _PERSON,
        "template": _ROBOT,
        NOT_OURS: _PERSON,
        KEPT_BACK: (
            "钉钉没有发给这位用户：可能不在机器人的可用范围内"
            " / DingTalk kept it from this person, who may be outside the robot's availability"
        ),
        "40004": "钉钉不收这种文件 / DingTalk does not take this kind of file",
        "40005": "钉钉不收这种文件 / DingTalk does not take this kind of file",
        "40006": "文件太大，钉钉不收 / The file is larger than DingTalk takes",
        "60011": _SCOPE,
        "60020": _IP,
        "90020": _USED_UP,
    }
)


def _sentence(refused: Refused) -> str:
    """A sentence in both languages, with DingTalk's own code and words behind it.

    Codes are words with points between them, from the kind of fault to the fault.
    """
    code = str(refused.code)
    while code and code not in _SENTENCES:
        code = code.rpartition(".")[0]
    told = _SENTENCES.get(code, "钉钉没有接受 / DingTalk did not take it")
    return f"{told} [{refused}]"


ERROR_TEXTS = ErrorTexts(
    bad_credentials=(
        "client_id 或 client_secret 不对，请到钉钉开发者后台核对"
        " / client_id or client_secret is wrong: check it in DingTalk's developer console"
    ),
    login_unavailable="暂时拿不到钉钉的令牌 / DingTalk gives no token just now",
    rate_limited="钉钉嫌太快 / Too fast for DingTalk",
    refused=_sentence,
)
