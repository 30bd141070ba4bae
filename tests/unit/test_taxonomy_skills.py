"""What no ticket could ever ask for is no skill: a facet has one way of being written."""

import pytest

from config.settings import load, load_taxonomy

TAXONOMY = load_taxonomy(load(None, environ={}))


@pytest.mark.parametrize(
    ("skill", "proper"),
    [
        ("业务域:物流", "domain:物流"),
        ("业务域：物流", "domain:物流"),
        ("domain：物流", "domain:物流"),
        ("Domain:物流", "domain:物流"),
        ("紧急程度:紧急", "urgency:紧急"),
        ("物流", "domain:物流"),
    ],
)
def test_a_skill_that_is_written_otherwise_is_told_how_it_is_written(
    skill: str, proper: str
) -> None:
    told = TAXONOMY.no_skill(skill)
    assert told is not None
    assert all(proper in words for words in told)


@pytest.mark.parametrize(
    "skill", ["domain:无此类", "业务域:无此类", "业务域", "domain", "Urgency"]
)
def test_a_class_that_there_is_not_is_told_those_that_there_are(skill: str) -> None:
    told = TAXONOMY.no_skill(skill)
    assert told is not None
    known = TAXONOMY.facets["urgency" if skill == "Urgency" else "domain"].classes
    assert all(name in told[0] and name in told[1] for name in known)


@pytest.mark.parametrize(
    "skill", ["domain:物流", "lang:en", "triage", "team:夜班", "dept:物流部", "会开票", "班组：夜"]
)
def test_what_is_of_no_facet_is_anybodys_own(skill: str) -> None:
    assert TAXONOMY.no_skill(skill) is None
