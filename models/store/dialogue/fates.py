"""What a report makes of an answer that went to several: the customer, and others in copy.

The answer is the customer's: its state says what became of it there. What became of it at the
others is told beside that.
"""

from collections.abc import Mapping, Sequence

from models.masking import masked

UNCLEAR = (
    "有退信，但没有写明是客户还是抄送人没有收到，请核实"
    " / It came back, but not a word says whether the customer or somebody in copy did not get it"
)


def combined(
    fates: Sequence[Mapping[str, str]],
    whole: str,
    before: tuple[str, str | None],
    customer: str,
    copied: Sequence[str],
) -> tuple[str, str | None]:
    """State and error of an answer after a report of it: those ``before`` where nothing is new.

    ``fates`` have an address, a state and an error each, ``whole`` is the state that the report
    tells of the answer as if it had one recipient, ``copied`` are the addresses of the others.
    """
    state, error = before
    about = {fate["address"].lower(): fate for fate in fates}
    theirs = about.pop(customer.lower(), None)
    for address in copied:
        fate = about.pop(address.lower(), None)
        if fate is not None and fate["state"] == "failed":
            who = masked(address)
            error = _joined(error, _returned(f"抄送 {who}：", f"{who} in copy: ", fate))
    if theirs is not None:
        if theirs["state"] == "failed":
            return "failed", _joined(error, _returned("", "", theirs))
        return ("delivered" if theirs["state"] == "delivered" else state), error
    # A mailbox may hand on to another, whose server names only that one.
    if whole == "failed" and (about or not fates):
        return "unknown", _joined(error, UNCLEAR)
    return state, error


def _returned(zh: str, en: str, fate: Mapping[str, str]) -> str:
    return (
        f"{zh}对方邮件系统退回 {fate['error']} / {en}returned by the mail system: {fate['error']}"
    )


def _joined(before: str | None, more: str) -> str:
    """One sentence in both languages behind another, which says so once."""
    if not before or before == more:
        return more
    (zh, _, en), (more_zh, _, more_en) = before.partition(" / "), more.partition(" / ")
    if more_zh in zh:
        return before
    return f"{zh}；{more_zh} / {en}; {more_en}"
