"""Every kind of numbered event, for those who follow; ``docs/events.md`` is written from it."""

from typing import NamedTuple


class Kind(NamedTuple):
    """What an event tells, in Chinese and English, and the names in its ``data``."""

    zh: str
    en: str
    data: tuple[str, ...] = ()


_MOVE = ("number", "before", "state", "owner", "former")

STATE_CHANGES: dict[str, Kind] = {
    "ticket.created": Kind("新工单", "a new ticket", (*_MOVE, "predecessor", "split_from")),
    "ticket.queued": Kind(
        "识别完成，第一次进入队列",
        "labelled, in its queue for the first time",
        (*_MOVE, "skill_class", "abstained", "labels"),
    ),
    "ticket.assigned": Kind(
        "到了某人手上：派给、接入、接手、转交；自己收回误结束的（retaken）",
        "somebody has it now; retaken: by taking back what they had ended by mistake",
        (*_MOVE, "retaken"),
    ),
    "ticket.requeued": Kind(
        "从某人手上回到队列，等待时间不变",
        "back from somebody's hands to the queue, its age kept",
        (*_MOVE, "outcome"),
    ),
    "ticket.returned": Kind(
        "客户再次来信，回到队列（不是“已退回”）",
        "the customer wrote again: back to the queue (not the state “returned”)",
        _MOVE,
    ),
    "ticket.woken": Kind("挂起到时，回到队列", "snoozed until now: back to the queue", _MOVE),
    "ticket.moved": Kind("其他的状态改变", "any other change of state", _MOVE),
}
"""A ticket's change of state or owner is exactly one of these, and each of these is one.

``before`` and ``state`` are values of ``TicketState`` (``before`` is null for a new ticket);
``owner`` has the ticket now (or had it last, when it has ended), ``former`` had it before, if
somebody else: ids of agents, null for nobody.
"""

_COMPLAINT = ("number", "department", "repeat_of", "changed", "by")
_CHANGED = ("number", "changed", "by")
_TASK = ("subtask", "department", "assignee", "due_at", "by")

OTHERS: dict[str, Kind] = {
    "ticket.labelled": Kind(
        "标签更新，状态不变",
        "new labels in the same state",
        ("number", "skill_class", "abstained", "labels"),
    ),
    "ticket.corrected": Kind(
        "坐席更正标签", "a person corrected a label", ("facet", "before", "after")
    ),
    "ticket.rerouted": Kind(
        "更正之后换了队列", "in another queue after a correction", ("skill_class",)
    ),
    "ticket.nobody_wants": Kind(
        "都拒接了，重新派给所有人", "everybody declined: offered to all again"
    ),
    "transfer.offered": Kind(
        "转派待接受，负责人不变",
        "a transfer is offered; its owner keeps the ticket",
        ("transfer", "audience", "skill", "until"),
    ),
    "transfer.ended": Kind(
        "转派未成：谢绝、超时或撤回",
        "a transfer was declined, let pass or withdrawn",
        ("transfer", "audience", "skill", "outcome"),
    ),
    "ticket.absorbed": Kind(
        "另一张工单并入，或又分出",
        "another ticket was merged into it, or taken out again",
        ("other", "merged"),
    ),
    "clock.warned": Kind(
        "时钟快到时限", "a clock is near its target", ("number", "clock", "target", "since")
    ),
    "clock.breached": Kind(
        "时钟超时", "a clock is past its target", ("number", "clock", "target", "since")
    ),
    "ticket.escalated": Kind(
        "升级到班长、主管、经理（level 1–3）",
        "it went up to level 1, 2 or 3",
        ("number", "level", "clock", "target", "since"),
    ),
    "ticket.pressed": Kind(
        "客户催单（第 times 次）",
        "the customer pressed, for the nth time",
        ("number", "times", "since"),
    ),
    "message.in": Kind(
        "客户的消息（what 为 edit、delete 时是修改、撤回；aside：问进度或评价，不是新的事；"
        "asks：要人答复，pressing：催单）",
        "a customer's message (or, by what, its edit or deletion); aside: it asks after progress "
        "or rates us, and raises no matter; asks: it wants an answer, pressing: it presses",
        (
            *("seq", "message", "envelope", "quarantined", "what", "aside"),
            *("asks", "received_at", "pressing"),
        ),
    ),
    "message.out": Kind("我方的消息", "a message of ours", ("seq", "outbound", "kind")),
    "message.file": Kind(
        "平台保存的附件取到或拒收", "a file was fetched or refused", ("message", "state")
    ),
    "outbound.state": Kind(
        "我方消息的去向", "what became of a message of ours", ("outbound", "state")
    ),
    "conversation.seen": Kind("坐席看到了", "an agent has read up to seq", ("seq",)),
    "conversation.ended": Kind(
        "对话结束：客户结束了，或久无回音（silent）",
        "the chat has ended: the customer ended it, or was silent for long",
        ("silent",),
    ),
    "agent.changed": Kind("坐席的资料变了", "a person's record changed"),
    "agent.presence": Kind("坐席的状态变了", "a person's presence changed", ("presence",)),
    "agent.overstayed": Kind("某个状态太久", "too long in a presence", ("presence", "seconds")),
    "bundle.promoted": Kind("换了分类模型", "another classifier bundle serves", ("bundle",)),
    "bundle.shadow": Kind("影子模型开始或结束", "a shadow began or ended", ("bundle",)),
    "retraining.changed": Kind("重新训练的进展", "a training moved on", ("retraining", "state")),
    "rules.published": Kind("分单规则发布", "routing rules were published", ("number", "line")),
    "rules.ended": Kind("分单规则停用", "a publication of rules ended", ("number",)),
    "text.published": Kind(
        "客户文案换了版本", "another version of a text is said", ("name", "lang", "number")
    ),
    "incident.opened": Kind(
        "许多相似的投诉成为一个事件（drill 为演练）",
        "many similar complaints are one incident (or a drill began)",
        ("incident", "members", "drill"),
    ),
    "incident.alert": Kind(
        "新事件通知某人", "a person is told of a new incident", ("incident", "members", "drill")
    ),
    "incident.joined": Kind("工单归入事件", "a ticket belongs to an incident", ("incident",)),
    "incident.removed": Kind("成员移出事件", "a member was taken out", ("incident", "member")),
    "incident.drafted": Kind(
        "事件的群发文字待批准", "a text waits for approval", ("incident", "text", "author")
    ),
    "incident.approved": Kind("群发文字已批准", "a text was approved", ("incident", "text", "by")),
    "incident.told": Kind(
        "群发文字已写给若干成员（演练只记录）",
        "so many members were written to (in a drill: noted only)",
        ("incident", "text", "members", "drill"),
    ),
    "incident.closed": Kind("事件结束", "an incident is over", ("incident", "drill")),
    "complaint.opened": Kind("成为投诉", "it is a complaint", _COMPLAINT),
    "complaint.changed": Kind("投诉要素变了", "fields of a complaint changed", _COMPLAINT),
    "complaint.withdrawn": Kind(
        "人改了类型，不再是投诉", "it is no complaint after all, says a person", _COMPLAINT
    ),
    "complaint.linked": Kind("关联重复投诉", "linked to the one it repeats", _CHANGED),
    "complaint.major": Kind("定为重大", "it is a major one", _CHANGED),
    "complaint.not_major": Kind("不再是重大", "it is a major one no more", _CHANGED),
    "complaint.heard": Kind("记录客户意见", "the customer's word was recorded", _CHANGED),
    "complaint.reviewed": Kind("班长复核", "a supervisor reviewed it", _CHANGED),
    "complaint.called_back": Kind("他人回访", "another person called back", _CHANGED),
    "complaint.sent": Kind("转给责任部门", "sent to the queue of its department", _CHANGED),
    "helper.added": Kind("有人协办", "somebody helps", ("number", "by")),
    "helper.ended": Kind("协办结束", "somebody helps no more", ("number", "by")),
    "subtask.opened": Kind("新的子任务", "a new sub-task", _TASK),
    "subtask.taken": Kind("部门有人领了", "somebody of the department does it", _TASK),
    "subtask.handed": Kind("子任务换了人", "somebody else, or the department, does it", _TASK),
    "subtask.done": Kind("子任务完成", "it is done", _TASK),
    "subtask.cancelled": Kind("子任务取消", "it is not wanted any more", _TASK),
    "subtask.late": Kind("子任务超时", "its time has run out", _TASK),
    "note.written": Kind(
        "有内部备注（不含内容）", "an internal note (without it)", ("note", "by")
    ),
    "improvement.opened": Kind(
        "改进措施", "something is to get better", ("improvement", "due_at")
    ),
    "improvement.handed": Kind(
        "改进措施换了负责人", "somebody else is to see to it", ("improvement", "due_at")
    ),
    "improvement.done": Kind("改进完成", "it is done", ("improvement", "by")),
    "improvement.cancelled": Kind("改进取消", "it will not be done", ("improvement", "by")),
    "improvement.late": Kind("改进超期", "its time has run out", ("improvement", "due_at")),
    "follow_up.due": Kind("回访任务进入队列", "a follow-up waits", ("follow_up",)),
    "follow_up.assigned": Kind("回访任务到了某人手上", "somebody calls back", ("follow_up",)),
    "follow_up.moved": Kind(
        "回访任务的其他状态改变",
        "any other change of a follow-up's state",
        ("follow_up", "before", "state"),
    ),
    "follow_up.low": Kind(
        "回访结果不好，等班长决定", "a low result waits for a supervisor", ("follow_up",)
    ),
    "follow_up.reviewed": Kind(
        "班长已决定是否重开", "a supervisor has decided", ("follow_up", "outcome")
    ),
    "satisfaction.asked": Kind(
        "问了客户是否满意", "a customer was asked how content they are", ("survey",)
    ),
    "satisfaction.answered": Kind(
        "客户评价了，或改了评价",
        "a customer rated us, or changed the rating",
        ("survey", "score", "solved"),
    ),
    "satisfaction.low": Kind(
        "评价不满意，等待班长回访（每次评价只说一次）",
        "a low rating, told once: a supervisor gets back to the customer",
        ("survey", "score", "solved"),
    ),
    "customer.erased": Kind(
        "客户资料已抹除，每张工单说一次；收到的系统也应抹除",
        "a customer was erased, told once for each of their tickets: erase your copy as well",
        ("number", "customer"),
    ),
    "envelope.parked": Kind("一个信封停放待查", "an envelope was parked", ("envelope",)),
}
"""What happens beside a change of state."""

KINDS: dict[str, Kind] = STATE_CHANGES | OTHERS
