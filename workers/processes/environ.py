"""The environment of child processes."""

import os
from collections.abc import Mapping


def without_settings() -> Mapping[str, str]:
    """Ours without the operator's settings, among which are keys and passwords."""
    from config.origins import PREFIX  # the children import this module, and have no settings

    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
