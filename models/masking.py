"""Personal data as it is shown until somebody asks for more."""


def masked(value: str) -> str:
    """A sensitive value as it is shown by default: enough to recognise, not to copy."""
    local, at, domain = value.partition("@")
    if at:
        return f"{local[:1]}***@{domain}"
    if len(value) >= 7:
        return f"{value[:3]}****{value[-4:]}"
    return f"{value[:1]}***" if value else ""
