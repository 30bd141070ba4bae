"""Those who write to customers by themselves, put together from the settings."""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from config.settings import Settings, load_texts
from desk.rating import Links
from models.store.effects.followers import Follower
from models.store.effects.timers import Effect
from workers.silence import END, Silence, silences
from workers.surveying import ASK, Surveying, When
from workers.telling import LATE, STATE, Telling
from workers.wiring import survey_secret
from workers.wording import Wording


def effects(settings: Settings) -> Mapping[str, Effect]:
    """What their timers bring about."""
    surveying, telling, silence = _voices(settings)
    return {
        ASK: surveying.ask,
        STATE: telling.tell_state,
        LATE: telling.tell_late,
        END: silence.end,
    }


def followers(settings: Settings) -> Sequence[Follower]:
    """What sets their timers."""
    surveying, telling, silence = _voices(settings)
    return (surveying.follower, telling.follower, silence.follower)


def _voices(settings: Settings) -> tuple[Surveying, Telling, Silence]:
    wording = Wording(load_texts(settings))
    when = When(settings.quiet.period, ZoneInfo(settings.hours.time_zone))
    base = settings.satisfaction.link_base
    link = Links(survey_secret(settings), base).address if base else None
    return (
        Surveying(settings.satisfaction, when, wording, link),
        Telling(settings.progress, when, wording),
        Silence(silences(settings), wording),
    )
