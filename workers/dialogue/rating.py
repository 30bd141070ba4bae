"""What customers answer to our question after satisfaction, in the conversation itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from classifier.satisfaction import is_bare_digit, read_answer
from config.contact import Satisfaction
from models.errors import Rejected
from models.message import Choice, InboundMessage
from models.satisfaction import LOW, Answer
from models.store.dialogue.incoming import Incoming, Slot
from models.store.dialogue.progress import Question, answered
from models.store.dialogue.surveys import Survey, Via, latest, note_unclear, record
from models.store.ground.database import Tx
from models.texts import Said, combined
from workers.dialogue.surveying import chosen, language, solved_or_not
from workers.dialogue.wording import Wording

_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Rating:
    """A message that answers a survey; no ``answer``: nobody can know what its digit means."""

    survey: Survey
    answer: Answer | None
    pressed: bool


class Rates:
    """Finds the answers among messages, and writes them down."""

    def __init__(self, wording: Wording, settings: Satisfaction) -> None:
        self._wording = wording
        self._change = settings.change_hours * _HOUR

    async def found(self, tx: Tx, incoming: Sequence[Incoming]) -> Mapping[str, Rating]:
        """The ratings among messages, by the message's id."""
        likely = [i.message for i in incoming if _likely(i.message)]
        if not likely:
            return {}
        open_ones = await latest(tx, {_slot(m) for m in likely})
        ratings = {m.id: self._rating(tx, m, *open_ones[_slot(m)])
                   for m in likely if _slot(m) in open_ones}  # fmt: skip
        return {id_: rating for id_, rating in ratings.items() if rating is not None}

    def _rating(self, tx: Tx, m: InboundMessage, survey: Survey, busy: bool) -> Rating | None:
        """``busy``: the ticket is open again, and free words are for the agent."""
        pressed = chosen(m.meta.get("choice"))
        if pressed is not None:
            mine = pressed[0] == survey.id
            return Rating(survey, pressed[1], pressed=True) if mine else None
        if not survey.open(tx.now, self._change):
            return None
        answer = read_answer(m.text, survey.keys)
        if answer is None:
            unclear = not busy and survey.score is None and survey.unclear_at is None
            return Rating(survey, None, pressed=False) if unclear else None
        if answer.score is None and (survey.score is None or survey.solved is not None):
            return None
        if busy and answer.words:
            return None
        return Rating(survey, answer, pressed=False)

    async def answer(self, tx: Tx, question: Question, rating: Rating) -> None:
        """Writes a rating down and says thanks; or asks what is still to be known."""
        said, choices = await self._reply(tx, rating)
        await answered(tx, question, said, f"rated:{question.message_id}", choices)

    async def _reply(self, tx: Tx, rating: Rating) -> tuple[Said, Sequence[Choice]]:
        survey = rating.survey
        lang = language(survey)
        if rating.answer is None:
            await note_unclear(tx, survey.id)
            return self._wording.say("survey.unclear", lang), ()
        via: Via = "choice" if rating.pressed else "words"
        try:
            now = await record(tx, survey.id, rating.answer, via, self._change)
        except Rejected:
            return self._wording.say("survey.over", lang), ()
        low = now.score is not None and now.score <= LOW
        first = [self._wording.say("survey.sorry", lang)] if low and survey.score is None else []
        if now.score is not None and now.solved is None:
            ask = self._wording.say("survey.solved", lang)
            return combined([*first, ask]), solved_or_not(survey)
        return combined(first or [self._wording.say("survey.thanks", lang)]), ()


def _likely(m: InboundMessage) -> bool:
    if m.kind != "message" or m.auto != "none" or m.attachments:
        return False
    if chosen(m.meta.get("choice")) is not None or is_bare_digit(m.text):
        return True
    return read_answer(m.text) is not None


def _slot(m: InboundMessage) -> Slot:
    return m.channel, m.account, m.conversation_key
