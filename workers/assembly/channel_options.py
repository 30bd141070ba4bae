"""The channels' sections of the settings, held to what each channel says can be set for it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from channels import registry
from config.origins import Origins
from config.problems import Problem, explain, keys_of
from config.settings import Settings, collide
from models.errors import NotFound


def channel_options(name: str, settings: Settings) -> BaseModel:
    """What is set for an open channel, without making the channel itself.

    Raises:
        NotFound, pydantic.ValidationError: as ``wrong_options`` tells of.
    """
    return registry.options_model(name).model_validate(settings.channels[name])


def anchored(name: str, settings: Settings) -> Mapping[str, Any]:
    """A channel's section, in which each file stands from the folder of where it is named.

    The section is one of which ``wrong_options`` has nothing to tell.
    """
    read, section = channel_options(name, settings), settings.channels[name]
    return cast(
        "Mapping[str, Any]", _anchored(section, read, ("channels", name), settings.origins)
    )


def _anchored(raw: Any, read: Any, at: Sequence[str], origins: Origins) -> Any:
    if isinstance(read, Path):
        return str(origins.anchor(at, str(raw)))
    if isinstance(raw, Mapping):
        named = read if isinstance(read, Mapping) else vars(read)
        return {key: _anchored(raw[key], named[key], (*at, key), origins) for key in raw}
    if isinstance(raw, list):
        return [_anchored(*pair, at, origins) for pair in zip(raw, read, strict=True)]
    return raw


def wrong_options(settings: Settings) -> list[Problem]:
    """What is wrong with the sections of the open channels, and what needs the port of another.

    A setting that only repeats another's wrong value is not told of.
    """
    found = [p for name in settings.channels for p in _problems(name, settings)]
    repeats = {".".join(path): keys for path, keys in settings.origins.references.items()}
    wrong = {problem.key for problem in found}
    told = [problem for problem in found if wrong.isdisjoint(repeats.get(problem.key, ()))]
    return told + list(_colliding(settings))


def _problems(name: str, settings: Settings) -> Iterator[Problem]:
    section, at = settings.channels[name], ("channels", name)
    try:
        model = registry.options_model(name)
        model.model_validate(section)
    except ValidationError as error:
        yield from explain(error, model, section, at=at, origins=settings.origins)
    except NotFound:
        known = ", ".join(registry.names())
        yield Problem(
            ".".join(at),
            keys_of(section),
            f"没有这个渠道；可用：{known}。",
            f"There is no such channel; known: {known}.",
            settings.origins.source(at),
        )


def _colliding(settings: Settings) -> Iterator[Problem]:
    """Channels with a ``door`` of their own (host, port) that another has."""
    intake, desk = settings.intake, settings.desk
    doors = {"intake": (intake.host, intake.port), "desk": (desk.host, desk.port)}
    for name in settings.channels:
        try:
            door = getattr(channel_options(name, settings), "door", None)
        except (NotFound, ValidationError):
            continue
        if door is None:
            continue
        at = ("channels", name, "port")
        for other in [other for other, its in doors.items() if collide(its, door)]:
            yield Problem(
                ".".join(at),
                str(door[1]),
                f"{other}.port 也是 {door[1]}，两者要各用一个端口。",
                f"{other}.port is {door[1]} as well; each needs one of its own.",
                settings.origins.source(at),
            )
        doors[f"channels.{name}"] = door
