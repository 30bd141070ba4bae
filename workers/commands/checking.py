"""Everything that can be told of wrong settings in one run, without connecting to anything."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from config.problems import ConfigurationError, Problem
from config.settings import Settings, load_rules, load_taxonomy, look
from workers.assembly.channel_options import wrong_options
from workers.assembly.wiring import declared

_Found = TypeVar("_Found")


def checked(config: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings, with which the rules, the taxonomy and the channels' options are right, too.

    What is wrong in one place keeps nothing back that is wrong in another.

    Raises:
        ConfigurationError: with all of it.
    """
    settings, problems = look(config, environ=environ)
    problems += wrong_options(settings)
    _told(problems, lambda: load_rules(settings))
    if taxonomy := _told(problems, lambda: load_taxonomy(settings)):
        _told(problems, lambda: declared(settings, taxonomy))
    if problems:
        raise ConfigurationError(problems)
    return settings


def _told(problems: list[Problem], ask: Callable[[], _Found]) -> _Found | None:
    try:
        return ask()
    except ConfigurationError as error:
        problems += error.problems
        return None
