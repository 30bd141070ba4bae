"""``docs/states.md`` and ``docs/events.md``: a ticket's life, written from its tables."""

from collections.abc import Mapping

from models.events import OTHERS, STATE_CHANGES, Kind
from models.ticket import LOADED_STATES, OPEN_STATES, STATE_NAMES, WAYS, TicketState

_STATES = """\
# 工单的状态 / The states of a ticket

<!-- 由 models/ticket.py 生成 / written from models/ticket.py: python -m workers.reference docs -->

每一次状态改变都要在这张表里，否则被拒绝。终点只有一个：已关闭。
/ Every change of state is in this table, or it is refused. There is one end: closed.

```mermaid
{diagram}
```

## 状态 / States

未结：客户的下一句话进这张工单，一个对话最多一张（拆出来的不算）。占容量：算进负责人的负荷。
/ Open: the customer's next word goes to it, at most one a conversation (those split off aside).
Loads: it counts as load of whoever has it.

| 中文 | English | 代码 Code | 未结 Open | 占容量 Loads |
|---|---|---|---|---|
{states}

## 改变 / Moves

| 从 From | 到 To | 怎么发生 | What brings it about |
|---|---|---|---|
{moves}
"""

_EVENTS = """\
# 事件 / Events

<!-- 由 models/events.py 生成 / written from models/events.py: python -m workers.reference docs -->

发生的每件事都是一条编了号的事件，与它所说的事在同一个事务里提交，号码的次序就是提交的次序。
坐席台、网页聊天、[推送](webhooks.md)和时钟的“跟随者”（[0014](decisions/0014-timers-and-followers.md)）都读它。
/ Everything that happens is a numbered event, committed in the transaction of what it tells; the
order of numbers is the order of commits. Desks, chats, [webhooks](webhooks.md) and the clock's
followers ([0014](decisions/0014-timers-and-followers.md)) read it.

## 状态改变 / Changes of state

工单每改变一次状态或负责人，恰好有一条下面的事件；下面的每条事件也恰好是一次改变。
数据里有 `before`（之前的状态，新工单为空）、`state`（现在的状态）、
`owner`（现在的负责人，结束后是最后的负责人，可为空）、`former`（换了人时之前的负责人，可为空）。
/ Each change of a ticket's state or owner is exactly one of these events, and each of these is one
such change. `before` is the state it was in (null for a new ticket), `state` the one it is in now,
`owner` who has it now (or had it last, once it has ended) and `former` who had it before, if
somebody else (or null).

{changes}

## 其他 / Others

{others}
"""


def states_page() -> str:
    """The diagram (Mermaid) and the tables of states and moves, in Chinese and English."""
    return _STATES.format(
        diagram=_diagram(),
        states="\n".join(_state_row(state) for state in TicketState),
        moves="\n".join(
            f"| {_named(at)} | {_named(to)} | {zh} | {en} |" for (at, to), (zh, en) in WAYS.items()
        ),
    )


def _diagram() -> str:
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{zh} {en}" as {state}' for state, (zh, en) in STATE_NAMES.items()]
    lines += [f"    [*] --> {TicketState.NEW}"]
    lines += [f"    {at} --> {to}: {zh}" for (at, to), (zh, _) in WAYS.items()]
    lines += [f"    {TicketState.CLOSED} --> [*]"]
    return "\n".join(lines)


def _state_row(state: TicketState) -> str:
    zh, en = STATE_NAMES[state]
    is_open, loads = ("✓" if state in of else "" for of in (OPEN_STATES, LOADED_STATES))
    return f"| {zh} | {en} | `{state}` | {is_open} | {loads} |"


def _named(state: TicketState) -> str:
    zh, en = STATE_NAMES[state]
    return f"{zh} {en}"


def events_page() -> str:
    """The kinds of events with what they tell, in Chinese and English."""
    return _EVENTS.format(changes=_kinds(STATE_CHANGES), others=_kinds(OTHERS))


def _kinds(kinds: Mapping[str, Kind]) -> str:
    head = "| 种类 Kind | 说的是 | What it tells | 数据 Data |\n|---|---|---|---|\n"
    rows = (
        f"| `{name}` | {kind.zh} | {kind.en} | {', '.join(f'`{field}`' for field in kind.data)} |"
        for name, kind in kinds.items()
    )
    return head + "\n".join(rows)
