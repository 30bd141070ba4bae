"""Every refusal as JSON ``{code, message: {zh, en}, field?}``, and the headers of safety."""

from collections.abc import Mapping
from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.typedefs import Handler

from desk.services import SERVICES, Words
from models.errors import (
    Conflict,
    NotFound,
    Permanent,
    Rejected,
    ShouliError,
    StorageFull,
    Temporary,
)

_log = structlog.stdlib.get_logger(__name__)

RETRY_SECONDS = 5
"""What a client is told to wait when the database is away."""

_HUNG_UP = 499
"""As proxies write it down; nobody is there to read it."""


class Refusal(Exception):
    """The desk's own no, with its HTTP status and a sentence that says what to do."""

    def __init__(
        self,
        status: int,
        code: str,
        words: Words,
        *,
        field: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(words.en)
        self.status = status
        self.code = code
        self.words = words
        self.field = field
        self.retry_after = retry_after


CONFLICTS: Mapping[str, str] = {
    "this ticket is not in your hands any more; look at it again": (
        "这张工单已不在您手上，请刷新后再看。"
    ),
    "this ticket has not ended; rate it when it is resolved": "工单还没有解决，解决后再录入评价。",
    "the customer has rated this ticket themselves: that stands": (
        "客户已经自己评价过，以客户的评价为准。"
    ),
    "the customer has written meanwhile; look at it again": "客户刚又发来消息，请看过再操作。",
    "the customer's last mail names others in copy; look at it again": (
        "客户最近一封来信的抄送人有变，请看过再发。"
    ),
    "this ticket is not waiting; look at it again": "这张工单不在等待中，请刷新后再看。",
    "the agent has no free capacity for this ticket": "该坐席未就绪或已满负荷，接不了这张工单。",
    "this answer is being sent, or would be shown twice": (
        "这条答复正在发送，或者重发会让客户看到两次。"
    ),
    "this ticket is yours already": "这张工单本来就是您的。",
    "this ticket is theirs already": "这张工单已经在对方手上。",
    "this ticket has no labels yet; try again in a moment": "这张工单还没有标签，请稍后再试。",
    "this ticket is not junk": "这张工单不是无效工单。",
    "this conversation has another open ticket; use that one": (
        "同一会话另有未结工单，请在那张工单上处理。"
    ),
    "this ticket was merged into another one; look at that one": (
        "这张工单已并入另一张，请到那张工单上处理。"
    ),
    "this client_id was used for another answer; make a new one": (
        "这个 client_id 已用于另一条答复，请换一个新的。"
    ),
    "this client_id was used for another request; make a new one": (
        "这个 client_id 已用于另一个请求，请换一个新的。"
    ),
    "what this client_id made was deleted since; make a new one": (
        "用这个 client_id 新增的已经删除，请换一个新的。"
    ),
    "this answer is neither failed nor of unknown fate": "这条答复既未失败，也不是去向不明。",
    "this link was undone before": "这次合并已经撤销过了。",
    "this version is in force there already": "这一版已在那里生效。",
    "the rules have moved on; look at them again": (
        "其间有人起草、发布或退回了规则，请看过再存。"
    ),
    "nothing is published for this line of business": "该业务线没有单独发布过规则。",
    "there is no version before this one": "之前没有别的版本可以退回。",
    "somebody else was faster": "别人先了一步，请刷新后再看。",
    "this bundle serves already": "这个模型正在服役。",
    "this bundle is not kept any more; train again": (
        "这个模型已过保留期，内容已清除（成绩还在）；请重新训练。"
    ),
    "nothing served before this bundle": "在它之前没有模型服役过，无从回退。",
    "the champion cannot be in its own shadow": "现役模型不能当自己的影子。",
    "a retraining is waiting or running already": "已有一次训练在等待或进行。",
    "the gate did not pass; overrule it with a reason": ("关口没有通过；确要启用，请写明理由。"),
    "the gate compared it with another bundle than serves now; compare, or overrule it": (
        "关口是和另一个模型比的，不是和现役的；请比较之后写明理由再启用，或重新训练。"
    ),
    "another bundle serves by now; look at it again": "现役模型已经换过，请刷新后再看。",
    "this retraining has ended": "这次训练已经结束。",
    "this follow-up is not waiting; look at it again": "这个回访任务不在等待中，请刷新后再看。",
    "this follow-up is not in your hands any more; look at it again": (
        "这个回访任务已不在您手上，请刷新后再看。"
    ),
    "whoever handled this complaint does not call back about it": "投诉须由经办人以外的人回访。",
    "customers are left in peace at this hour": "现在是免打扰时间，请稍后再联系客户。",
    "this follow-up waits for no review": "这次回访没有待复核的结果。",
    "this incident is closed": "这个事件已经结束。",
    "somebody else than the author must approve it": "须由起草人以外的人批准。",
    "this ticket is on offer already; withdraw that first": "这张工单已在转派，请先撤回。",
    "nobody else could take this ticket": "没有别人能接这张工单。",
    "this ticket is not offered any more; look at it again": "这次转派已经结束，请刷新后再看。",
    "only its owner resolves a ticket that somebody has": "工单在别人手上，由负责人解决。",
    "this customer's data was erased": "这位客户的资料已经抹除。",
    "this complaint was linked meanwhile; look at it again": (
        "其他人刚改过这件投诉的关联，请刷新后再看。"
    ),
    "no admin would be left; look at the list of people again": (
        "这样就没有管理员了，请刷新人员名单后再看。"
    ),
    "this person has left; choose somebody else": "这位坐席已经离岗，请另选一位。",
    "a ticket of this customer is open; end it first": "这位客户还有未结的工单，请先办结。",
    "somebody is calling this customer back, or has a sub-task of theirs; end it first": (
        "正在回访这位客户，或有未完成的子任务，请先办结。"
    ),
    "an answer is being sent to this customer; try again in a minute": (
        "正在给这位客户发送答复，请一分钟后再试。"
    ),
    "this customer is writing just now; try again in a minute": (
        "这位客户刚又来信，请一分钟后再试。"
    ),
    "a complaint of this customer must be kept longer; say why it may be erased all the same": (
        "这位客户有投诉还在保存期内，或者没有办结；依法仍须抹除的，请另写理由。"
    ),
    "this ticket is not merged": "这张工单没有合并到别处。",
    "only a ticket that is being worked on is split": "只有未结的工单可以拆分。",
    "a ticket is not merged into itself": "不能把工单并入它自己。",
    "the other ticket is not open; merge this one into one that is": (
        "对方工单已经结束，请并入一张未结的。"
    ),
    "others were merged into this ticket; merge the other one into it": (
        "已有工单并入这一张，请反过来把另一张并进来。"
    ),
    "these tickets are of two customers": "这两张工单属于不同的客户，不能合并。",
    "a complaint is merged only into a complaint; correct the other's type": (
        "投诉只能并入投诉，请先更正另一张的类型。"
    ),
    "only the customer's messages of this ticket are split off": "只能拆出这张工单里客户的消息。",
    "leave at least one message with this ticket": "原工单至少要留下一条消息。",
    "two-step sign-in is on already": "两步验证已经开启。",
    "nobody hands over to themselves": "不能交接给自己。",
    "nobody is left to take their improvements: name who gets them": (
        "没有人能接手其改进措施，请指明交接给谁。"
    ),
    "write down the outcome first: the customer's word is about it": (
        "请先写处理结果：客户意见是对结果说的。"
    ),
    "you have had this complaint yourself: somebody else reviews it": (
        "您经手过这张投诉，须由他人复核。"
    ),
    "you have had this complaint yourself: somebody else calls back": (
        "您经手过这张投诉，须由他人回访。"
    ),
    "department, outcome and responsibility come before the review": (
        "先写责任部门、处理结果和责任认定，再复核。"
    ),
    "it is in somebody's hands: they transfer it": "工单在坐席手上，请由其转交。",
    "this improvement has ended; look at it again": "这项改进已结束，请刷新后再看。",
    "they have an open sub-task: end that first": "对方还有未完成的子任务，请先结束它。",
    "somebody does this sub-task already": "这个子任务已经有人在做。",
    "this sub-task has ended; look at it again": "这个子任务已结束，请刷新后再看。",
    "this ticket has ended: nobody is asked to help with it": "工单已结束，不能再请人协办。",
}
"""Chinese for the store's conflicts; a test keeps the list complete."""

_REJECTED: Mapping[str, str] = {
    "it is too late to rate this one": "评价已截止。",
    "an answer carries files that you uploaded for this ticket, ten at most": (
        "答复只能带您为这张工单上传的文件，最多十个。"
    ),
    "a text needs words in one language at least": "至少写一种语言的文字。",
    "the files of an answer are 15 MB at most, together": "一条答复的附件合计不超过 15 MB。",
    "a complaint does not repeat itself": "投诉不能与自己关联。",
    "that complaint repeats this one already": "那张投诉已关联到这一张。",
    "the owner of a ticket does not help with it": "负责人自己不算协办人。",
    "say who is to do it: a department or a person": "请写明由哪个部门或哪位坐席来做。",
}
"""Chinese for what the store refuses otherwise."""

_STALE = "状态已经变化，请刷新后再试。"

_NOT_FOUND = Words("未查询到。", "Nothing found under this address.")

_AWAY = Words("暂时无法访问数据库，请稍后重试。", "The database is away for now; try again soon.")

_FULL = Words(
    "服务器的磁盘满了，没有保存；请联系管理员，腾出空间后重试。",
    "The server's disk is full and nothing was saved: tell the administrator, and try again once"
    " there is room.",
)

_INTERNAL = Words(
    "系统内部错误，已记录；请重试，仍不行请联系管理员。",
    "An error of ours; it is logged. Try again, and tell the administrator if it stays.",
)

_GARBLED = Words(
    "请求体与 Content-Encoding 或 Transfer-Encoding 所说的不符。",
    "The body is not what Content-Encoding or Transfer-Encoding says.",
)

_BY_STATUS = {
    403: Words("没有权限。", "You may not do this."),
    404: _NOT_FOUND,
    405: Words("该地址不支持这种请求方法。", "This address does not take that method."),
    413: Words("请求太大，请缩短后再发。", "The request is too large; shorten it."),
}

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "media-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def refused(error: Refusal) -> web.Response:
    """A refusal as its response."""
    content: dict[str, object] = {"code": error.code, "message": error.words._asdict()}
    if error.field is not None:
        content["field"] = error.field
    response = web.json_response(content, status=error.status)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def refusal_of(error: ShouliError) -> Refusal:
    """What an expected failure of the layers below means at this door."""
    zh = CONFLICTS.get(str(error)) or _REJECTED.get(str(error), _STALE)
    told = f"{str(error).rstrip('.')}."
    words = Words(zh, told[:1].upper() + told[1:])
    match error:
        case NotFound():
            return Refusal(404, error.code, _NOT_FOUND)
        case Conflict():
            return Refusal(409, error.code, words)
        case StorageFull():
            return Refusal(503, error.code, _FULL, retry_after=RETRY_SECONDS)
        case Temporary():
            return Refusal(503, error.code, _AWAY, retry_after=RETRY_SECONDS)
        case Rejected():
            return Refusal(422, error.code, words)
        case Permanent():
            _log.error("request failed for good", error=str(error))
    return Refusal(500, error.code, _INTERNAL)


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost boundary: whatever happens, the client gets JSON and safe headers."""
    try:
        return await handler(request)
    except Refusal as error:
        return refused(error)
    except ShouliError as error:
        return refused(refusal_of(error))
    except (BadHttpMessage, web.RequestPayloadError):
        return refused(Refusal(400, "malformed_body", _GARBLED))
    except web.HTTPRedirection:
        raise
    except web.HTTPException as error:
        words = _BY_STATUS.get(error.status, _BY_STATUS[403])
        response = refused(Refusal(error.status, _code(error.status), words))
        if isinstance(error, web.HTTPMethodNotAllowed):
            response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
        return response
    except Exception as error:  # noqa: BLE001 - the boundary: a bug must not show its traceback
        where = {"method": request.method, "route": _route(request)}
        if _hung_up(request, error):
            _log.debug("the client hung up", **where)
            return web.Response(status=_HUNG_UP)
        _log.exception("request failed", **where)
        return refused(Refusal(500, "internal", _INTERNAL))


def _hung_up(request: web.Request, error: Exception) -> bool:
    """Whether it is the client's line that broke, and not one of ours to somebody else."""
    return request.transport is None and isinstance(error, (ConnectionError, TimeoutError))


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Sets the headers of safety where a handler has not set stricter ones."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.app[SERVICES].options.secure_cookie:
        # There is HTTPS, then; browsers pay no heed to it where there is none (RFC 6797 §8.1).
        response.headers["Strict-Transport-Security"] = "max-age=31536000"


_RENAMED: Mapping[int, str] = {
    413: "request_entity_too_large",
    416: "requested_range_not_satisfiable",
    422: "unprocessable_entity",
}
"""Python 3.13 names these as RFC 9110 does; what a client goes by must not hang on that."""


def _code(status: int) -> str:
    return _RENAMED.get(status) or HTTPStatus(status).phrase.lower().replace(" ", "_")


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource else ""
