"""What customers say of a ticket: shown, and entered by the one who called them."""

from typing import Annotated, Any

from aiohttp import web
from pydantic import Field, model_validator

from desk import bodies
from desk.auth import API, ID, who
from desk.services import SERVICES
from desk.tickets import seen
from models.satisfaction import Answer, Score
from models.store.surveys import Survey


class Rating(bodies.Body):
    """By the labelled scale, whether it is solved, and words: one of the first two at least."""

    score: Score | None = None
    solved: bool | None = None
    words: Annotated[bodies.Line, Field(max_length=2000)] = ""

    @model_validator(mode="after")
    def _says_something(self) -> "Rating":
        if self.score is None and self.solved is None:
            raise ValueError("score or solved is needed")
        return self


def survey_json(survey: Survey) -> dict[str, Any]:
    """One question and what was said to it."""
    names = ("asked_at", "answered_at", "changed_at", "score", "solved", "words", "via")
    return {name: getattr(survey, name) for name in names} | {"entered_by": survey.entered_by}


async def show(request: web.Request) -> web.Response:
    ticket = await seen(request)
    found = await request.app[SERVICES].store.surveys.of_ticket(ticket.id)
    return web.json_response({"surveys": [survey_json(survey) for survey in found]})


async def enter(request: web.Request) -> web.Response:
    """By whom it was heard is kept, and audited."""
    ticket, person = await seen(request), who(request)
    services, asked = request.app[SERVICES], await bodies.read(request, Rating)
    answer = Answer(asked.score, asked.solved, asked.words)
    options = services.options
    found = await services.store.surveys.enter(
        ticket.id, answer, person.id, options.survey_seconds, options.survey_change_seconds
    )
    return web.json_response(survey_json(found), status=201)


def routes() -> list[web.RouteDef]:
    path = f"{API}tickets/{{ticket:{ID}}}/satisfaction"
    return [web.get(path, show), web.post(path, enter)]
