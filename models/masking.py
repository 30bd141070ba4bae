"""Personal data as it is shown until somebody asks for more."""


def masked(value: str) -> str:
    """A sensitive value as it is shown by default: enough to recognise, not to copy.

    Of an e-mail address the domain, which begins behind the last “@” (RFC 5321 §4.1.2: a quoted
    local part may hold others). Of all else at least four characters are hidden, or all but one.
    """
    local, at, domain = value.rpartition("@")
    if at:
        return f"{local[:1]}***@{domain}"
    if len(value) >= 11:
        return f"{value[:3]}****{value[-4:]}"
    if len(value) >= 7:
        return f"{value[:1]}****{value[-2:]}"
    return f"{value[:1]}***" if value else ""
