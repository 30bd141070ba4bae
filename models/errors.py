"""The three ways in which a step can fail, told apart by what to do next."""


class ShouliError(Exception):
    """Base of every expected failure.

    ``code`` is a stable word for programs; the message is a sentence that says what to do.
    """

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class Temporary(ShouliError):
    """Nothing is wrong with the input: try the same again later (451, 503)."""

    code = "temporary"


class StorageFull(Temporary):
    """The disk is at its watermark: nothing is accepted until there is room (452, 503)."""

    code = "storage_full"


class Permanent(ShouliError):
    """The same input fails again: do not retry, show it to a person."""

    code = "permanent"


class Rejected(ShouliError):
    """The input is refused at the edge: the sender must change it (4xx, 550)."""

    code = "rejected"


class Conflict(Rejected):
    """The state that the caller saw is no longer true (409): read again and choose again."""

    code = "conflict"


class NotFound(Rejected):
    """No such thing, or none that this caller may see (404)."""

    code = "not_found"
