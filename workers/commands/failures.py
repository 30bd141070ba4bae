"""What the command line says of errors, in both languages."""

from models.errors import NotFound, ShouliError, StorageFull, Temporary

_MISSING = {
    "agent": "坐席",
    "answer": "答复",
    "attachment": "附件",
    "blob": "文件",
    "bundle": "分类模型",
    "canned answer": "常用答复",
    "conversation": "会话",
    "customer": "客户",
    "customer identity": "客户",
    "envelope": "来件",
    "follow-up": "回访",
    "improvement": "改进措施",
    "incident": "事件",
    "link": "关联",
    "member": "成员",
    "message": "消息",
    "parked envelope": "停放的来件",
    "retraining": "训练",
    "rules version": "规则版本",
    "sub-task": "子任务",
    "survey": "评价",
    "text": "客户文案",
    "ticket": "工单",
    "token": "令牌",
    "webhook": "推送地址",
}
"""What the store may not find, as it calls it."""


def in_both(error: ShouliError) -> str:
    """An error of the store says itself in English; the desk knows the Chinese for it."""
    from desk.errors import CONFLICTS

    text = str(error)
    if " / " in text:
        return text
    zh = CONFLICTS.get(text, "")
    if not zh and isinstance(error, NotFound):
        zh = _not_found(text)
    elif isinstance(error, StorageFull):
        zh = "磁盘满了。"
    elif isinstance(error, Temporary):
        zh = "数据库或网络暂不可用，检查地址，稍后再试。"
    return f"{zh} / {text}" if zh else text


def _not_found(text: str) -> str:
    """Which thing it is: of several that a command names, one may be there and the other not."""
    what = text.removeprefix("no ").removeprefix("such ")
    name = ""
    if what not in _MISSING:
        what, _, name = what.rpartition(" ")
    return f"没有找到{_MISSING[what]} {name}".rstrip() + "。" if what in _MISSING else "没有找到。"
