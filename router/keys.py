"""Where a waiting ticket stands in the queue: its key, its lateness, and what a change does to it.

Pure functions of a ticket, the time and the rules. The class-free part of a key can be stored;
what a class goes ahead by is added when heads are compared, for it depends on who is online.
"""

from dataclasses import replace

from models.routing import LATE_TWICE_STEP, Position, Rules, Waiting


def relax_step_at(age: float, target: float, rules: Rules) -> int:
    """How many relaxation steps a ticket has reached after ``age`` seconds of waiting."""
    return sum(age >= fraction * target for fraction in rules.relax_at)


def is_late(ticket: Waiting, now: float) -> bool:
    """Whether the target has been missed. Once late, a ticket stays late."""
    return ticket.late or now - ticket.created_at >= ticket.target


def deadlines_missed(ticket: Waiting, now: float, rules: Rules) -> int:
    """0 in time, 1 late, 2 late even for ``late_factor`` targets. It never sinks again.

    What may interrupt others is never 2: nobody in danger waits behind an ordinary question for
    having waited too long already (decision 0030).
    """
    if ticket.interrupts:
        return int(is_late(ticket, now))
    if ticket.twice_late or now - ticket.created_at >= rules.late_factor * ticket.target:
        return 2
    return int(is_late(ticket, now))


def sort_key(created_at: float, target: float, missed: int, rules: Rules) -> float:
    """The class-free part of a ticket's key; it can be stored, presence changes nothing.

    A late ticket competes for nearly ``late_factor`` times its target: with one deadline only,
    an overloaded centre would serve nothing but tickets that are late already. For the same
    reason, one that misses this as well competes for ``last_deadline_seconds`` (decision 0008).
    Where not all can be in time, those give way whose targets are long, and the late to those
    who are not (decision 0017).
    """
    if not missed:
        return created_at + rules.give_way_factor * target
    if missed == 1:
        after = rules.late_gives_way * rules.mean_handle_seconds
        return created_at + rules.late_aim * rules.late_factor * target + after
    return created_at + max(rules.late_factor * target, rules.last_deadline_seconds)


def scarcity_offset(strength: int, rules: Rules, missed: int = 0) -> float:
    """Seconds by which a class goes first that ``strength`` online agents can serve.

    The fewer they are, the likelier all of them are on long tickets when the deadline comes, so
    what one or two can serve goes ahead by more than in proportion (decision 0018). It is half of
    the last deadline at most: where one person has a class to themselves, it must not take them
    from all else that comes.
    """
    agents = max(strength, 1)
    seconds = rules.scarcity * rules.mean_handle_seconds / agents
    ahead = seconds * (1 + rules.scarcity_of_few / agents)
    if missed == 2:
        ahead = max(ahead, rules.last_scarcity * seconds)
    return min(ahead, rules.last_deadline_seconds / 2)


def retargeted(ticket: Waiting, target: float, now: float, rules: Rules) -> Waiting:
    """The ticket after a change of urgency, tier or rules, under a new epoch.

    A raise never moves a ticket back: where the shorter target has passed already, it counts
    from now, and no later than the old one. What was relaxed stays relaxed, and who was late
    stays late.
    """
    age = now - ticket.created_at
    missed = deadlines_missed(ticket, now, rules)
    step = max(ticket.relax_step, relax_step_at(age, ticket.target, rules))
    if target < ticket.target:
        factor = rules.late_factor if missed else 1.0
        due = factor * target if age < factor * target else age + target
        sooner, then = due / factor, min(missed, 1)
        # Offboarding the last stage costs the weight that scarcity has there, at most this much.
        weight = scarcity_offset(1, rules, missed) if then < missed else 0.0
        key = sort_key(0.0, sooner, then, rules)
        if key < sort_key(0.0, ticket.target, missed, rules) - weight:
            target, missed = sooner, then
        else:
            target = ticket.target
    return replace(
        ticket,
        epoch=ticket.epoch + 1,
        target=target,
        late=missed > 0,
        twice_late=missed > 1,
        relax_step=step,
    )


def position(ticket: Waiting, now: float, rules: Rules) -> Position:
    """Where the ticket stands now, as it is stored; true until ``next_step_at``."""
    age = now - ticket.created_at
    missed = deadlines_missed(ticket, now, rules)
    step = LATE_TWICE_STEP
    if missed < 2:
        step = max(ticket.relax_step, relax_step_at(age, ticket.target, rules))
        step = min(step, LATE_TWICE_STEP - 1)
    fractions = (*rules.relax_at, 1.0, rules.late_factor)
    due = [ticket.created_at + fraction * ticket.target for fraction in fractions]
    return Position(
        relax_step=step,
        late=missed > 0,
        sort_key=sort_key(ticket.created_at, ticket.target, missed, rules),
        next_step_at=min((at for at in due if at > now), default=None),
    )


def rekeyed(ticket: Waiting, target: float, now: float, rules: Rules) -> tuple[float, Position]:
    """The target and position of a waiting ticket whose urgency, tier or class changed."""
    changed = retargeted(ticket, target, now, rules)
    return changed.target, position(changed, now, rules)
