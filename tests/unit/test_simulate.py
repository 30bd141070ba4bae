"""The simulated centre keeps the promises of the real one, whatever is played on it."""

from collections.abc import Iterator
from random import Random

import pytest

from models.routing import Needs, Rules, Targets, Waiting
from router.figures import differences, figures, quantile
from router.needs import ladder
from router.simulate import Job, Played, Shift, play

RULES = Rules(
    version="1",
    required_facets=("domain",),
    targets={"live": Targets(by_urgency={}, default=300.0)},
    units={"live": 2, "mail": 1},
)
SKILLS = ("domain:物流", "domain:支付", "domain:发票")


def job(name: str, at: float, handle: float = 100.0, **options: object) -> Job:
    values = {
        "needs": Needs(required=((SKILLS[0], 1),)),
        "created_at": at,
        "target": 300.0,
        "units": 1,
    } | options
    return Job(Waiting(name, 1, late=False, **values), at, handle, "一般", "standard")


def shift(name: str, begins: float = 0.0, ends: float = 1e5, capacity: int = 1) -> Shift:
    return Shift(name, {SKILLS[0]: 3}, capacity, begins, ends)


def got(played: Played) -> list[tuple[str, str | None, float | None]]:
    return [(s.job.waiting.ticket_id, s.agent_id, s.at) for s in played.served]


def test_who_comes_first_is_served_first_and_the_next_when_the_agent_is_done() -> None:
    played = play([job("a", 0), job("b", 10), job("c", 20)], [shift("li")], RULES)
    assert got(played) == [("a", "li", 0), ("b", "li", 100), ("c", "li", 200)]


def test_a_shorter_target_goes_ahead() -> None:
    jobs = [job("a", 0), job("b", 10), job("c", 20, target=90.0)]
    assert got(play(jobs, [shift("li")], RULES))[2] == ("c", "li", 100)


def test_nobody_is_given_work_before_or_after_their_shift() -> None:
    played = play([job("a", 0), job("b", 60)], [shift("li", 50, 120)], RULES)
    assert got(played) == [("a", "li", 50), ("b", None, None)]
    assert played.busy == {"li": 100}
    assert played.staffed == {"li": 70}


def test_work_in_hand_at_the_end_of_a_shift_still_uses_capacity_in_the_next() -> None:
    shifts = [shift("li", 0, 10), shift("li", 20, 1000)]
    assert got(play([job("a", 0), job("b", 30)], shifts, RULES))[1] == ("b", "li", 100)


def test_relaxation_brings_more_agents_at_its_moment() -> None:
    """A preferred skill that nobody free has is dropped at a quarter of the target."""
    asked = Needs(required=((SKILLS[0], 1),), preferred=(("type:投诉", 2),))
    expert = Shift("wang", {SKILLS[0]: 3, "type:投诉": 3}, 1, 0, 1e5)
    jobs = [job("a", 0, needs=asked, handle=1000.0), job("b", 10, needs=asked)]
    served = play(jobs, [expert, shift("li")], RULES).served
    assert [s.agent_id for s in served] == ["wang", "li"]
    assert served[1].at == pytest.approx(85, abs=0.01)


MAIL = {"interruptible": ("mail",)}


def test_what_is_urgent_takes_the_place_of_mail_which_goes_on_later() -> None:
    rules = RULES.model_copy(update=MAIL)
    mail = job("m", 0, 100.0, lane="mail")
    urgent = job("u", 30, 50.0, lane="live", interrupts=True)
    after = job("x", 31, 10.0, lane="live")
    played = play([mail, urgent, after], [shift("li", 0, 500)], rules)
    assert got(played) == [("m", "li", 0), ("u", "li", 30), ("x", "li", 150)], (
        "the mail has the earlier deadline: it goes on at 80, for its other 70 seconds"
    )
    assert played.busy == {"li": 160}
    calm = play([mail, urgent, after], [shift("li", 0, 500)], RULES)
    assert got(calm)[1] == ("u", "li", 100)


def test_nobody_is_interrupted_for_a_second_urgent_ticket_nor_where_somebody_is_free() -> None:
    rules = RULES.model_copy(update=MAIL)
    mails = [job(f"m{i}", 0, 1000.0, lane="mail") for i in range(2)]
    urgent = [job(f"u{i}", 10 + i, 50.0, interrupts=True) for i in range(2)]
    played = play([*mails, *urgent], [shift("li", capacity=2)], rules)
    assert got(played)[2:] == [("u0", "li", 10), ("u1", "li", 60)]
    played = play([mails[0], urgent[0]], [shift("li"), shift("wu")], rules)
    assert got(played) == [("m0", "li", 0), ("u0", "wu", 10)]


def centre(seed: int) -> tuple[list[Job], list[Shift]]:
    random = Random(seed)
    jobs = [
        job(
            f"t{i:03}",
            random.uniform(0, 4000),
            random.uniform(20, 300),
            needs=Needs(
                required=((random.choice(SKILLS), random.choice((1, 2))),),
                preferred=((("type:投诉", 2),) if random.random() < 0.3 else ()),
            ),
            target=random.choice((60.0, 300.0, 1200.0)),
            units=random.choice((1, 2)),
        )
        for i in range(150)
    ]
    shifts = [
        Shift(
            f"a{i}",
            {
                skill: random.randint(1, 3)
                for skill in random.sample([*SKILLS, "type:投诉"], random.randint(1, 4))
            },
            1 + i % 3,
            begins,
            begins + random.uniform(500, 2500),
        )
        for i in range(6)
        for begins in (random.uniform(0, 800), random.uniform(3500, 4200))
    ]
    return jobs, shifts


def moments(played: Played, shifts: list[Shift]) -> Iterator[float]:
    """Just after everything that happens."""
    for served in played.served:
        yield served.job.arrives_at + 2e-3
        if served.at is not None:
            yield served.at + 2e-3
            yield served.at + served.job.handle + 2e-3
        for fraction in RULES.relax_at:
            yield served.job.arrives_at + fraction * served.job.waiting.target + 2e-3
    for s in shifts:
        yield s.begins + 2e-3


def can(skills: dict[str, int], asked: Needs, step: int) -> bool:
    rung = ladder(asked, len(RULES.relax_at))
    needs = rung[min(step, len(rung) - 1)]
    return all(skills.get(s, 0) >= level for s, level in needs.required + needs.preferred)


@pytest.mark.parametrize("seed", range(4))
def test_no_ticket_waits_beside_a_free_eligible_agent_and_nobody_has_too_much(seed: int) -> None:
    """I2 and I3, read off the result by somebody who knows nothing of the engine."""
    jobs, shifts = centre(seed)
    played = play(jobs, shifts, RULES)
    assert sum(s.at is not None for s in played.served) > 70
    for now in moments(played, shifts):
        used = dict.fromkeys((s.agent_id for s in shifts), 0)
        for s in played.served:
            if s.at is not None and s.at <= now < s.at + s.job.handle:
                assert s.agent_id is not None
                used[s.agent_id] += s.job.waiting.units
        here = {s.agent_id: s for s in shifts if s.begins <= now < s.ends}
        assert all(used[name] <= member.capacity for name, member in here.items())
        for s in played.served:
            if not (s.job.arrives_at <= now and (s.at is None or now < s.at)):
                continue
            age = now - s.job.arrives_at
            step = sum(age >= f * s.job.waiting.target for f in RULES.relax_at)
            idle = [
                name
                for name, member in here.items()
                if member.capacity - used[name] >= s.job.waiting.units
                and can(dict(member.skills), s.job.waiting.needs, step)
            ]
            assert not idle, (now, s.job.waiting.ticket_id, idle)


def test_the_same_is_played_the_same_whatever_the_order_it_is_told_in() -> None:
    jobs, shifts = centre(7)
    once = play(jobs, shifts, RULES)
    again = play(jobs[::-1], shifts[::-1], RULES)
    assert got(once) == got(again)
    assert figures(once) == figures(again)


# -- figures ---------------------------------------------------------------------------


def test_the_figures_of_a_small_day() -> None:
    jobs = [job("a", 0, 400.0), job("b", 0, 100.0, target=60.0), job("c", 10, 100.0)]
    found = figures(play(jobs, [shift("li", 0, 600), shift("wu", 0, 600)], RULES))
    assert found["sla"] == 1.0
    assert found["longest_wait"] == 90.0
    assert found["mean_wait"] == 30.0
    assert found["occupancy"]["by_agent"] == {"li": 400 / 600, "wu": 200 / 600}
    assert found["occupancy"]["mean"] == 0.5
    assert found["occupancy"]["spread"] == pytest.approx(1 / 6)
    assert found["by_class"]["domain:物流:1"]["tickets"] == 3


def test_what_nobody_got_is_missed_and_counted() -> None:
    found = figures(play([job("a", 0), job("b", 5)], [shift("li", 0, 50)], RULES))
    assert (found["sla"], found["unserved"]) == (0.5, 1)
    assert found["longest_wait"] == 95.0


def test_what_comes_out_of_hours_waits_from_the_opening() -> None:
    early = job("a", 0, created_at=900.0)
    found = figures(play([early], [shift("li", 1000, 2000)], RULES))
    assert (found["mean_wait"], found["sla"]) == (100.0, 1.0)


def test_differences_name_who_would_have_got_what() -> None:
    jobs = [job("a", 0), job("b", 10, target=50.0)]
    one = play(jobs, [shift("li")], RULES)
    two = play(jobs, [shift("li"), shift("wu")], RULES)
    found = differences(one, two)
    assert (found["moved"], found["gained"], found["lost"]) == (1, 1, 0)
    assert found["tickets"][0] == {
        "ticket": "b", "recorded": None, "live": "li", "draft": "wu",
        "live_wait": 90.0, "draft_wait": 0.0,
    }  # fmt: skip
    assert found["by_agent"] == {"li": {"live": 2, "draft": 1}, "wu": {"live": 0, "draft": 1}}


@pytest.mark.parametrize(("share", "value"), [(0.5, 2), (0.95, 4), (0.25, 1), (0.999, 4)])
def test_quantiles_are_by_nearest_rank(share: float, value: float) -> None:
    assert quantile([1, 2, 3, 4], share) == value
    assert quantile([], share) is None
