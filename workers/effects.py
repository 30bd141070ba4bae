"""What each kind of timer brings about: a kind a line, its effect with the nouns it is about."""

from collections.abc import Mapping

from config.settings import Settings
from models.store.timers import Effect


def make_effects(_settings: Settings) -> Mapping[str, Effect]:
    """Every kind of timer that the clock knows; one that is not here waits."""
    return {}
