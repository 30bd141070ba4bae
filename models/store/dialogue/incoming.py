"""A message on its way into the store, and the place that it belongs to."""

from collections.abc import Callable
from dataclasses import dataclass

from models.message import Envelope, InboundMessage, Lane


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message ready to be threaded, with what its reader found out about it.

    ``hollow``: a greeting or thanks without content; it holds a new ticket back and reopens
    nothing. ``pressing`` tells of a text whether it presses for an answer (催单); asked only of
    what joins a ticket. ``trouble``: why the raw bytes could not be read, if so. ``private``:
    the conversation has one customer, so a stranger in it is quarantined. ``overheard``: it was
    not said to us, and counts only where its conversation has a ticket that it can join.
    ``aside``: it raises no matter (it asks after progress, or answers our survey): it opens and
    reopens nothing, and where there is no ticket it belongs to none.
    """

    envelope_id: str
    message: InboundMessage
    lane: Lane
    hollow: bool = False
    pressing: Callable[[str], bool] = lambda _text: False
    trouble: str | None = None
    private: bool = True
    overheard: bool = False
    aside: bool = False

    @classmethod
    def of(
        cls,
        envelope: Envelope,
        message: InboundMessage,
        *,
        hollow: bool,
        trouble: str | None,
        pressing: Callable[[str], bool] = lambda _text: False,
    ) -> "Incoming":
        """With what the channel says of the place in which it was said."""
        return cls(
            envelope.id,
            message,
            envelope.lane,
            hollow,
            pressing,
            trouble,
            private=not message.meta.get("shared"),
            overheard=bool(message.meta.get("overheard")),
        )


Slot = tuple[str, str, str]
"""(channel, account, conversation key)"""


def slot(m: InboundMessage) -> Slot:
    """Where a message was said."""
    return m.channel, m.account, m.conversation_key
