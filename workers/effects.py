"""What happens by itself: what each kind of timer brings about, and who acts on events."""

import time
from collections.abc import Mapping, Sequence

from config.settings import Settings
from models.store.complaints import calling_back, improvements, incidents
from models.store.complaints.likenesses import noticing
from models.store.effects.followers import Follower
from models.store.effects.timers import Effect
from models.store.figures.measures import STAGES
from models.store.figures.steps import KEEPING
from models.store.tickets import clocks, ending, helping, transfers
from models.store.tickets.search_index import INDEXING
from router.clocks import Timekeeper
from workers import voice
from workers.hours import calendars
from workers.planning import follow_up_plan
from workers.timekeeping import Timekeeping


def make_effects(settings: Settings) -> Mapping[str, Effect]:
    """Every kind of timer that the clock knows, a line each; one that is not here waits."""
    plan = follow_up_plan(settings)
    return {
        incidents.TELL: incidents.tell,
        calling_back.BEGIN: calling_back.beginning(plan),
        calling_back.AGAIN: calling_back.trying_again(plan),
        transfers.TIMER: transfers.expire,
        ending.TIMER: ending.close_due,
        clocks.TIMER: _timekeeping(settings).fire,
        helping.DUE: helping.subtask_due,
        improvements.DUE: improvements.improvement_due,
        **voice.effects(settings),
    }


def make_followers(settings: Settings) -> Sequence[Follower]:
    """Everybody who acts on events, in the order in which they are asked."""
    return (
        STAGES,
        helping.HELPERS,
        calling_back.following_up(follow_up_plan(settings)),
        KEEPING,
        INDEXING,
        noticing(settings.incidents.alarm, settings.incidents.compared, settings.incidents.alert),
        ending.closing(settings.life.close_days * 86400.0),
        _timekeeping(settings).follower(),
        *voice.followers(settings),
    )


def follower_names(settings: Settings) -> Sequence[str]:
    """Under which it is written how far each has read."""
    return [follower.name for follower in make_followers(settings)]


def _timekeeping(settings: Settings) -> Timekeeping:
    hours = calendars(settings.hours, time.time())
    return Timekeeping(Timekeeper(settings.clocks.policy(), hours))
