"""The small page behind a survey's link: what customers see without logging in.

The intake process serves it. A link carries the survey's id and a mark that only we can make; to
open it changes nothing (mail scanners follow links), to submit the form does.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from html import escape
from pathlib import Path
from uuid import UUID

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

from models.errors import NotFound, Rejected, Temporary
from models.ports import Clock
from models.satisfaction import SCORE_NAMES, SOLVED_NAMES, Answer, Score
from models.store import Store
from models.store.dialogue.surveys import Survey

_MAC = 16
_LONGEST = 1000
_MOST_BYTES = 16 * 1024

_WORDS: Mapping[str, tuple[str, str]] = {
    "title": ("请评价我们的服务", "Please rate our service"),
    "number": ("工单号 {number}", "Ticket {number}"),
    "score": ("您对这次服务满意吗？", "How satisfied are you?"),
    "solved": ("问题是否已解决？", "Has your problem been solved?"),
    "words": ("想对我们说的话（可不填）", "What you would like to tell us (optional)"),
    "submit": ("提交", "Submit"),
    "change": ("修改评价", "Change it"),
    "which": ("请选择满意程度。", "Please choose how satisfied you are."),
    "thanks": ("感谢您的评价！", "Thank you for your rating!"),
    "again": ("已评价过，可以修改。", "You have rated us already; you may change it."),
    "over": ("本次评价已截止，感谢您的关注。", "It is too late to rate this one; thank you."),
    "wrong": (
        "链接无效，请重新打开。",
        "This link is not valid; open it once more.",
    ),
    "busy": ("系统繁忙，请稍后再试。", "The system is busy; please try again later."),
    "other": ("English", "中文"),
}

_POLICY = (
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)


class Links:
    """Addresses of surveys that nobody else can make."""

    def __init__(self, secret: bytes, base: str) -> None:
        self._secret = secret
        self._base = base.rstrip("/")

    def address(self, survey_id: str) -> str:
        return f"{self._base}/s/{self.token(survey_id)}"

    def token(self, survey_id: str) -> str:
        raw = UUID(survey_id).bytes
        return base64.urlsafe_b64encode(raw + self._mark(raw)).decode().rstrip("=")

    def open(self, token: str) -> str:
        """The id of the survey.

        Raises:
            NotFound: we did not make this link.
        """
        try:
            found = base64.b64decode(
                token + "=" * (-len(token) % 4), altchars=b"-_", validate=True
            )
        except (ValueError, binascii.Error):
            found = b""
        raw, mark = found[:16], found[16:]
        # The last character has bits that decode to nothing: one spelling only.
        if len(raw) != 16 or not hmac.compare_digest(mark, self._mark(raw)):
            raise NotFound("no such survey")
        survey_id = str(UUID(bytes=raw))
        if self.token(survey_id) != token:
            raise NotFound("no such survey")
        return survey_id

    def _mark(self, raw: bytes) -> bytes:
        return hmac.digest(self._secret, b"survey link\0" + raw, hashlib.sha256)[:_MAC]


class RatingPage:
    """Shows the form, and writes down what is submitted."""

    def __init__(self, store: Store, links: Links, clock: Clock, change_seconds: float) -> None:
        self._store = store
        self._links = links
        self._clock = clock
        self._change = change_seconds
        folder = Path(__file__).parent / "public"
        self._style = (folder / "rating.css").read_text("utf-8")

    def routes(self) -> list[web.RouteDef]:
        page = "/s/{token:[A-Za-z0-9_-]{20,64}}"
        return [
            web.get("/s/rating.css", self._css),
            web.get(page, self._show),
            web.post(page, self._take),
        ]

    async def _css(self, _request: web.Request) -> web.Response:
        headers = {"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"}
        return web.Response(text=self._style, content_type="text/css", headers=headers)

    async def _show(self, request: web.Request) -> web.Response:
        side = _side(request, None)
        try:
            survey, number = await self._found(request)
        except NotFound:
            return _note("wrong", side, 404)
        except Temporary:
            return _note("busy", side, 503)
        side = _side(request, survey)
        if not survey.open(self._clock(), self._change):
            return _note("over", side, 410)
        note = "again" if survey.score is not None else ""
        return _page(_form(survey, number, side, note), side)

    async def _take(self, request: web.Request) -> web.Response:
        side = _side(request, None)
        try:
            survey, number = await self._found(request)
            side = _side(request, survey)
            said = await _submitted(request)
            if said is None:
                return _page(_form(survey, number, side, "which", wrong=True), side, 422)
            await self._store.surveys.answer(survey.id, said, "link", self._change)
        except NotFound:
            return _note("wrong", side, 404)
        except Rejected:
            return _note("over", side, 410)
        except Temporary:
            return _note("busy", side, 503)
        again = f'<p><a href="?lang={"en" if side else "zh"}">{_WORDS["change"][side]}</a></p>'
        return _page(f"<h1>{_WORDS['thanks'][side]}</h1>\n{again}", side)

    async def _found(self, request: web.Request) -> tuple[Survey, str]:
        survey = await self._store.surveys.get(self._links.open(request.match_info["token"]))
        return survey, (await self._store.tickets.get(survey.ticket_id)).number


async def _submitted(request: web.Request) -> Answer | None:
    """The form's answer; None where no score was chosen."""
    if (request.content_length or 0) > _MOST_BYTES:
        return None
    try:
        form = await request.post()
    except (web.HTTPException, BadHttpMessage, web.RequestPayloadError, ValueError, LookupError):
        return None  # too much, or no form at all, in whatever way
    scores = {str(int(score)): score for score in Score}
    score = scores.get(str(form.get("score", "")))
    if score is None:
        return None
    solved = {"yes": True, "no": False}.get(str(form.get("solved", "")))
    return Answer(score, solved, str(form.get("words", ""))[:_LONGEST].strip())


def _side(request: web.Request, survey: Survey | None) -> int:
    """0 for Chinese, 1 for English: as asked for, else as the customer wrote."""
    wanted = request.query.get("lang") or (survey.lang if survey is not None else "")
    if not wanted:
        wanted = request.headers.get("Accept-Language", "zh")
    return 1 if wanted.lower().startswith("en") else 0


def _note(word: str, side: int, status: int) -> web.Response:
    return _page(f"<h1>{_WORDS[word][side]}</h1>", side, status)


def _form(survey: Survey, number: str, side: int, note: str, *, wrong: bool = False) -> str:
    scores = "".join(
        _choice("score", str(int(score)), names[side], survey.score == score)
        for score, names in SCORE_NAMES.items()
    )
    solved = "".join(
        _choice("solved", "yes" if value else "no", names[side], survey.solved is value)
        for value, names in SOLVED_NAMES.items()
    )
    kind = ' class="wrong" role="alert"' if wrong else ""
    told = f"<p{kind}>{_WORDS[note][side]}</p>\n" if note else ""
    other = "zh" if side else "en"
    return (
        f'<p class="other"><a href="?lang={other}" lang="{other}">'
        f"{_WORDS['other'][side]}</a></p>\n"
        f"<h1>{_WORDS['title'][side]}</h1>\n"
        f'<p class="number">{_WORDS["number"][side].format(number=number)}</p>\n{told}'
        f'<form method="post" action="?lang={"en" if side else "zh"}">\n'
        f"<fieldset><legend>{_WORDS['score'][side]}</legend>{scores}</fieldset>\n"
        f"<fieldset><legend>{_WORDS['solved'][side]}</legend>"
        f'<div class="pair">{solved}</div></fieldset>\n'
        f'<label class="label" for="words">{_WORDS["words"][side]}</label>\n'
        f'<textarea id="words" name="words" maxlength="{_LONGEST}">{escape(survey.words)}'
        "</textarea>\n"
        f"<button>{_WORDS['submit'][side]}</button>\n</form>"
    )


def _choice(name: str, value: str, label: str, checked: bool) -> str:
    mark = " checked" if checked else ""
    return (
        f'<label class="choice"><input type="radio" name="{name}" value="{value}"{mark}>'
        f"<span>{label}</span></label>\n"
    )


def _page(content: str, side: int, status: int = 200) -> web.Response:
    lang, title = ("en" if side else "zh-CN"), _WORDS["title"][side]
    text = (
        f'<!doctype html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="robots" content="noindex">\n<title>{title}</title>\n'
        '<link rel="stylesheet" href="rating.css">\n</head>\n'
        f"<body>\n<main>\n{content}\n</main>\n</body>\n</html>\n"
    )
    headers = {
        "Content-Security-Policy": _POLICY,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
    }
    return web.Response(text=text, content_type="text/html", status=status, headers=headers)
