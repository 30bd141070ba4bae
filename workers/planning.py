"""What the settings say of follow-ups, as the plan that everybody else is given."""

from functools import partial
from zoneinfo import ZoneInfo

from config.settings import Settings
from models.follow_up import Plan
from workers.quiet import after_quiet

_HOUR = 3600.0


def follow_up_plan(settings: Settings) -> Plan:
    """When customers are called back, never in the quiet hours."""
    wanted, zone = settings.follow_ups, ZoneInfo(settings.hours.time_zone)
    return Plan(
        within={urgency: hours * _HOUR for urgency, hours in wanted.within_hours.items()},
        complaints_within=wanted.complaints_within_hours * _HOUR,
        begin_share=wanted.begin_share,
        units=wanted.units,
        attempts=wanted.attempts,
        again=tuple(hours * _HOUR for hours in wanted.again_hours),
        review=wanted.review,
        spare=partial(after_quiet, period=settings.quiet.period, zone=zone),
    )
