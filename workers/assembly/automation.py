"""What happens by itself: what each kind of timer brings about, and who acts on events."""

import time
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from config.settings import Settings, load_taxonomy, load_texts
from desk.rating import Links
from models.ports import EndsInSilence
from models.store.complaints import calling_back, improvements, incidents
from models.store.complaints.incident_detection import incident_follower
from models.store.effects.followers import Follower
from models.store.effects.timers import Effect
from models.store.figures.measures import STAGES
from models.store.figures.steps import KEEPING
from models.store.ground.sealing import Vault
from models.store.tickets import clocks, ending, helping, offering, transfers
from models.store.tickets.search_index import INDEXING
from models.store.tickets.tallies import TALLIES
from router.clocks import Timekeeper
from workers.assembly.channel_options import channel_options
from workers.assembly.wiring import follow_up_plan, survey_links
from workers.dialogue.idle_chats import END, IdleChats
from workers.dialogue.notifying import LATE, STATE, Notifying
from workers.dialogue.surveying import ASK, Surveying, When
from workers.dialogue.wording import Wording
from workers.effects.timekeeping import Timekeeping
from workers.rules.hours import calendars


def make_effects(settings: Settings, vault: Vault) -> Mapping[str, Effect]:
    """Every kind of timer that the clock knows, a line each; one that is not here waits."""
    plan = follow_up_plan(settings)
    links = survey_links(settings, vault) if settings.satisfaction.link_base else None
    surveying, notifying, idle_chats = _voices(settings, links)
    return {
        incidents.TELL: incidents.tell,
        calling_back.BEGIN: calling_back.beginning(plan),
        calling_back.AGAIN: calling_back.trying_again(plan),
        offering.TIMER: transfers.expire,
        ending.TIMER: ending.close_due,
        clocks.TIMER: _timekeeping(settings).fire,
        helping.DUE: helping.subtask_due,
        improvements.DUE: improvements.improvement_due,
        ASK: surveying.ask,
        STATE: notifying.tell_state,
        LATE: notifying.tell_late,
        END: idle_chats.end,
    }


def make_followers(settings: Settings) -> Sequence[Follower]:
    """Everybody who acts on events, in the order in which they are asked."""
    surveying, notifying, idle_chats = _voices(settings)
    return (
        STAGES,
        helping.HELPERS,
        calling_back.following_up(follow_up_plan(settings)),
        KEEPING,
        INDEXING,
        TALLIES,
        incident_follower(
            settings.incidents.alarm, settings.incidents.compared, settings.incidents.alert
        ),
        ending.closing(settings.life.close_days * 86400.0),
        _timekeeping(settings).follower(),
        surveying.follower,
        notifying.follower,
        idle_chats.follower,
    )


def follower_names(settings: Settings) -> Sequence[str]:
    """Under which it is written how far each has read."""
    return [follower.name for follower in make_followers(settings)]


def _timekeeping(settings: Settings) -> Timekeeping:
    hours = calendars(settings.hours, time.time())
    return Timekeeping(Timekeeper(settings.clocks.policy(), hours))


def _voices(
    settings: Settings, links: Links | None = None
) -> tuple[Surveying, Notifying, IdleChats]:
    """Those who write to customers unasked."""
    wording = Wording(load_texts(settings))
    when = When(settings.quiet.period, ZoneInfo(settings.hours.time_zone))
    grave = [floor for floor in load_taxonomy(settings).floors.values() if floor.danger]
    link = links.address if links else None
    return (
        Surveying(settings.satisfaction, when, wording, link, grave),
        Notifying(settings.progress, when, wording),
        IdleChats(silences(settings), wording),
    )


def silences(settings: Settings) -> Mapping[str, float]:
    """Seconds of silence after which a talk ends, of the channels where talks do."""
    options = {name: channel_options(name, settings) for name in settings.channels}
    return {
        name: one.silence_seconds
        for name, one in options.items()
        if isinstance(one, EndsInSilence) and one.silence_seconds > 0
    }
