"""A simulated service centre, and the tickets of its days.

40 agents, 18 of them seniors (complaints need one), 11 who write English, each at home in 2–4 of
6 domains; three types of ticket with log-normal handling times (σ 0.8, means 240, 420 and 720 s);
urgency 15/30/55 % with targets of 60, 300 and 1200 s; tiers 80/15/5 % with factors 1, 0.75 and
0.5. A day has ten hours with a morning and an afternoon peak; the load is the day's work over the
day's staff, so the peaks stand above it. The burst is twenty minutes of 2.5 times the work
between the peaks.
"""

import math
from dataclasses import dataclass, replace
from random import Random
from typing import Any, NamedTuple

from models.routing import Needs, Rules, Targets, Waiting
from router.needs import needs, target

AGENTS, SENIORS, ENGLISH = 40, 18, 11
DOMAINS = {"物流": 0.21, "账户": 0.19, "支付": 0.17, "商品": 0.16, "发票": 0.14, "会员": 0.13}
TYPES = {"咨询": (0.50, 240.0), "办理": (0.30, 420.0), "投诉": (0.20, 720.0)}
"""Share of tickets and mean handling time in seconds."""
SIGMA = 0.8
ENGLISH_SHARE = 0.12
URGENCY = {"紧急": (0.15, 60.0), "重要": (0.30, 300.0), "一般": (0.55, 1200.0)}
TIERS = {"standard": (0.80, 1.0), "silver": (0.15, 0.75), "gold": (0.05, 0.5)}
DAY = 10 * 3600.0
PEAKS = ((2.5 * 3600, 3600.0), (6.5 * 3600, 3600.0))
"""Centre and width of each peak, in seconds since opening."""
MEAN_HANDLE = sum(share * mean for share, mean in TYPES.values())
SENIOR = "type:投诉"

RULES = Rules(
    version="bench",
    required_facets=("domain",),
    targets={"live": Targets(by_urgency={u: s for u, (_, s) in URGENCY.items()}, default=1200.0)},
    tier_factor={tier: factor for tier, (_, factor) in TIERS.items()},
    units={"live": 1},
    mean_handle_seconds=MEAN_HANDLE,
)


class Ticket(NamedTuple):
    """``handle`` is how long whoever gets it will work on it."""

    waiting: Waiting
    handle: float
    urgency: str
    passed: bool = False
    """This is no work but an offer that somebody lets pass."""


@dataclass(frozen=True)
class Centre:
    """Who works there and what they are asked."""

    skills: tuple[dict[str, int], ...]
    peak: float
    """How far the top of a peak stands above the quiet hours, as a share of them."""

    def arrivals(self, load: float, random: Random, burst: bool) -> list[Ticket]:
        """A day of tickets: a Poisson process, thinned to its profile."""
        mean_profile = sum(self._profile(60.0 * m) for m in range(600)) / 600
        base = load * AGENTS / MEAN_HANDLE / mean_profile
        top = base * (1 + self.peak) * (2.5 if burst else 1.0)
        tickets: list[Ticket] = []
        now = random.expovariate(top)
        while now < DAY:
            rate = base * self._profile(now) * (2.5 if burst and _in_burst(now) else 1.0)
            if random.random() * top < rate:
                tickets.append(some_ticket(f"t{len(tickets):06}", now, random))
            now += random.expovariate(top)
        return tickets

    def _profile(self, at: float) -> float:
        return 1 + self.peak * max(
            math.exp(-(((at - middle) / width) ** 2) / 2) for middle, width in PEAKS
        )


def _in_burst(at: float) -> bool:
    """Twenty minutes in the quiet between the peaks."""
    return 4.5 * 3600 <= at < 4.5 * 3600 + 1200


def _draw(table: dict[str, Any], random: Random) -> str:
    shares = [v[0] if isinstance(v, tuple) else v for v in table.values()]
    return random.choices(list(table), shares)[0]


def class_needs(domain: str, kind: str, lang: str) -> Needs:
    """The needs of a class; a complaint requires a senior, which no label rule says here."""
    asked = needs({"domain": domain}, True, lang, RULES)
    if kind != "投诉":
        return asked
    return replace(asked, required=tuple(sorted((*asked.required, (SENIOR, 1)))))


CLASSES = {
    (domain, kind, lang): class_needs(domain, kind, lang)
    for domain in DOMAINS
    for kind in TYPES
    for lang in ("zh", "en")
}
RECENT: dict[Needs, float] = {}
for (_domain, _kind, _lang), _asked in CLASSES.items():
    _lang_share = ENGLISH_SHARE if _lang == "en" else 1 - ENGLISH_SHARE
    RECENT[_asked] = RECENT.get(_asked, 0.0) + DOMAINS[_domain] * TYPES[_kind][0] * _lang_share


def some_ticket(ticket_id: str, now: float, random: Random) -> Ticket:
    kind, urgency = _draw(TYPES, random), _draw(URGENCY, random)
    lang = "en" if random.random() < ENGLISH_SHARE else "zh"
    asked = CLASSES[_draw(DOMAINS, random), kind, lang]
    due = target(urgency, "live", _draw(TIERS, random), RULES)
    handle = random.lognormvariate(math.log(TYPES[kind][1]) - SIGMA**2 / 2, SIGMA)
    return Ticket(Waiting(ticket_id, 1, asked, now, due, False, 1), handle, urgency)


def some_centre(seed: int, peak: float) -> Centre:
    """A random skill matrix in which at least two agents can serve each class."""
    random = Random(f"matrix {seed}")
    while True:
        seniors = set(random.sample(range(AGENTS), SENIORS))
        english = set(random.sample(range(AGENTS), ENGLISH))
        skills = []
        for i in range(AGENTS):
            known: set[str] = set()
            wanted = random.randint(2, 4)
            while len(known) < wanted:
                known.add(_draw(DOMAINS, random))
            names = [f"domain:{domain}" for domain in sorted(known)]
            names += [SENIOR] * (i in seniors) + ["lang:en"] * (i in english)
            skills.append(dict.fromkeys(names, 1))
        able = [
            sum(all(s in own for s, _ in asked.required) for own in skills)
            for asked in CLASSES.values()
        ]
        if min(able) >= 2:
            return Centre(tuple(skills), peak)


def everybody_can_everything(centre: Centre) -> Centre:
    """The pooled reference: the same people, each with every skill."""
    every = {skill: 1 for own in centre.skills for skill in own}
    return replace(centre, skills=(every,) * AGENTS)
