"""Drafting, reviewing and publishing rules, for the command line and the desk alike."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from config.problems import Problem, explain
from models.errors import Rejected
from models.message import Lane
from models.routing import Line, Rules
from models.store import Store
from models.store.ground.idempotency import Key
from models.store.routing.rules import Publication, Seen
from models.training import Taxonomy
from router.changes import Change, changes, setting_name
from router.explain import Text
from router.needs import NO_SKILL_LANGUAGES
from router.review import Finding, Surroundings, review
from workers.rules.active_rules import ActiveRules, rules_of
from workers.rules.explaining import called

_RECENT_SECONDS = 14 * 86400.0


class Unfit(Rejected):
    """Rules that may not be published, or content that is no rules at all."""

    code = "unfit_rules"

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        zh = "；".join(_said(f.setting.zh, "：", f.text.zh.rstrip("。")) for f in self.findings)
        en = "; ".join(_said(f.setting.en, ": ", f.text.en.rstrip(".")) for f in self.findings)
        super().__init__(f"{zh}。 / {en}.")


class RulesPreview(NamedTuple):
    """What is said of content that is not kept; without it, if it is no rules at all."""

    content: Mapping[str, Any] | None
    findings: Sequence[Finding]
    against: int | None
    changes: Sequence[Change]


class Publishing:
    """What may become a version, and what may be put in force."""

    def __init__(
        self,
        store: Store,
        taxonomy: Taxonomy,
        active_rules: ActiveRules,
        channels: Mapping[str, str],
    ) -> None:
        """``channels``: those that are open, each with the lane of what comes there."""
        self._store = store
        self._taxonomy = taxonomy
        self._active_rules = active_rules
        self._places = {str(lane): str(lane) for lane in Lane} | dict(sorted(channels.items()))
        facets = {name: Text(facet.zh, facet.en) for name, facet in taxonomy.facets.items()}
        self._called = {**called(taxonomy), **facets}
        self.channels = sorted(channels)

    async def draft(
        self,
        content: Mapping[str, Any],
        by: str | None,
        why: str,
        based_on: int | None,
        key: Key | None = None,
        seen: Seen | None = None,
    ) -> int:
        """Keeps a draft, however unfit it may still be to be published; returns its number.

        The same ``key`` again returns that of the one there is.

        Raises:
            Unfit: it is not written as rules are.
            NotFound: there is no version it could be based on.
            Conflict: as ``RuleVersions.draft``.
        """
        if based_on is not None:
            await self._store.rules.get(based_on)
        rules = parsed(content)
        return await self._store.rules.draft(
            rules.model_dump(mode="json"), by, why, based_on, key, seen
        )

    async def preview(self, content: Mapping[str, Any], line: Line) -> RulesPreview:
        """Content that nobody keeps: what is wrong with it, and what it would change."""
        findings = await self.findings(content, line)
        try:
            rules = parsed(content)
        except Unfit:
            return RulesPreview(None, findings, None, [])
        against = await self._in_force(line)
        changed: list[Change] = []
        if against is not None:
            try:
                changed = changes(await self._kept(against), rules, self._called)
            except Unfit as error:
                findings += [found._replace(level="warning") for found in error.findings]
                against = None
        return RulesPreview(rules.model_dump(mode="json"), findings, against, changed)

    async def _kept(self, number: int) -> Rules:
        """A stored version.

        Raises:
            NotFound: there is no such version.
            Unfit: another release wrote it, which knew keys that this one does not.
        """
        content = (await self._store.rules.get(number)).content
        try:
            return rules_of(content)
        except ValidationError as error:
            text = Text(
                f"这一版程序读不懂第 {number} 版规则，不能与它比较",
                f"this release cannot read version {number}, so nothing is compared with it",
            )
            raise Unfit([Finding("error", f"version.{number}", text)]) from error

    async def _in_force(self, line: Line) -> int | None:
        """The version by which a line of business goes now: its own, else that for all."""
        now = {made.line: made.number for made in await self._store.rules.published()}
        return now.get(line, now.get(Line()))

    async def findings(self, content: Mapping[str, Any], line: Line) -> list[Finding]:
        """What is wrong with content, for all or for one line of business."""
        try:
            rules = parsed(content)
        except Unfit as error:
            return list(error.findings)
        await self._active_rules.refresh()
        return review(rules, await self._around(), line, self._active_rules.book.general)

    async def changes(self, before: int, after: int) -> list[Change]:
        """What a version changes in another.

        Raises:
            NotFound, Unfit: as ``_kept``.
        """
        return changes(await self._kept(before), await self._kept(after), self._called)

    async def publish(
        self, number: int, line: Line, by: str | None, why: str, *, despite: bool = False
    ) -> Publication:
        """Puts a version in force, unless its review found errors.

        ``despite`` publishes even so, which the reason in the audit should explain.

        Raises:
            Unfit: there are errors. NotFound, Conflict: as ``RuleVersions.publish``.
        """
        version = await self._store.rules.get(number)
        errors = [f for f in await self.findings(version.content, line) if f.level == "error"]
        if errors and not despite:
            raise Unfit(errors)
        if errors:
            many = len(errors)
            why = f"{why}（检查有 {many} 处错误仍发布 despite {many} errors）"
        return await self._store.rules.publish(number, line, by, why)

    async def _around(self) -> Surroundings:
        now = await self._store.db.now()
        recent = await self._store.boards.recent_classes(now - _RECENT_SECONDS)
        langs = {
            skill.removeprefix("lang:")
            for needs, _ in recent
            for skill, _ in needs.required
            if skill.startswith("lang:")
        }
        calendars = self._active_rules.calendars
        teams = [("centre", calendars.general)]
        people = await self._store.agents.all()
        teams += [(_named(line), own) for line, own in calendars.teams]
        return Surroundings(
            facets={name: tuple(f.classes) for name, f in self._taxonomy.facets.items()},
            agents={a.login: a.skills for a in people},
            places=self._places,
            langs=sorted(langs - NO_SKILL_LANGUAGES),
            teams_closed=[name for name, own in teams if own.next_open(now) is None],
            called=called(self._taxonomy),
            most_capacity=max((a.capacity for a in people), default=None),
        )


def parsed(content: Mapping[str, Any]) -> Rules:
    """Content as rules; its own version counts for nothing.

    Raises:
        Unfit: it is not written as rules are.
    """
    values = {**content, "version": ""}
    try:
        return Rules.model_validate(values)
    except ValidationError as error:
        raise Unfit([_finding(p) for p in explain(error, Rules, values)]) from error


def content_of(path: Path) -> dict[str, Any]:
    """The rules in a TOML or JSON file, as it stands.

    Raises:
        Rejected: it cannot be read.
    """
    try:
        text = path.read_text("utf-8")
        found = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise Rejected(
            f"{path}：读不出规则（{error}）。 / {path}: cannot be read as rules ({error})."
        ) from error
    if not isinstance(found, dict):
        raise Rejected(
            f"{path}：应为一个对象（键和值）。 / {path}: must be an object of keys and values."
        )
    return found


def _said(setting: str, sign: str, text: str) -> str:
    return f"{setting}{sign}{text}" if setting else text


def _finding(problem: Problem) -> Finding:
    name = setting_name(problem.key)
    # A key that there is not has no name but its own.
    setting = name if name.zh else Text(problem.key, problem.key)
    return Finding("error", problem.key, Text(problem.zh, problem.en), setting)


def _named(line: Line) -> str:
    return "+".join((*line.channels, *line.accounts, *line.domains))
