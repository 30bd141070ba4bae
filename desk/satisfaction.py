"""What customers say of a ticket: shown, and entered by the one who called them."""

from typing import Annotated, Any

from aiohttp import web
from pydantic import Field, model_validator

from desk import bodies
from desk.auth import API, ID, who
from desk.masking import FindSpans, hidden
from desk.services import SERVICES
from desk.visibility import seen
from models.satisfaction import Answer, Score
from models.store.dialogue.surveys import Survey


class Rating(bodies.Body):
    """By the labelled scale, whether it is solved, and words: one of the first two at least."""

    score: Score | None = None
    solved: bool | None = None
    words: Annotated[bodies.Line, Field(max_length=2000)] = ""

    @model_validator(mode="after")
    def _says_something(self) -> "Rating":
        if self.score is None and self.solved is None:
            raise ValueError("score 和 solved 至少要有一个 / score or solved is needed")
        return self


def survey_json(survey: Survey, find: FindSpans) -> dict[str, Any]:
    """One question and what was said to it, its numbers masked as in messages."""
    names = ("asked_at", "answered_at", "changed_at", "score", "solved", "via", "entered_by")
    shown = {name: getattr(survey, name) for name in names}
    return shown | {"words": hidden(survey.words, find)}


async def show(request: web.Request) -> web.Response:
    ticket, services = await seen(request), request.app[SERVICES]
    found = await services.store.surveys.of_ticket(ticket.id)
    return web.json_response({"surveys": [survey_json(one, services.spans) for one in found]})


async def enter(request: web.Request) -> web.Response:
    """By whom it was heard is kept, and audited."""
    ticket, person = await seen(request), who(request)
    services, asked = request.app[SERVICES], await bodies.read(request, Rating)
    answer = Answer(asked.score, asked.solved, asked.words)
    options = services.options
    found = await services.store.surveys.enter(
        ticket.id, answer, person.id, options.survey_seconds, options.survey_change_seconds
    )
    return web.json_response(survey_json(found, services.spans), status=201)


def routes() -> list[web.RouteDef]:
    path = f"{API}tickets/{{ticket:{ID}}}/satisfaction"
    return [web.get(path, show), web.post(path, enter)]
