"""Everything that can be told of wrong settings in one run, without connecting to anything."""

import getpass
import tempfile
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
    problems += _unwritable(settings.data_dir)
    if problems:
        raise ConfigurationError(problems)
    return settings


def _unwritable(folder: Path) -> list[Problem]:
    """What keeps us from writing into the data folder, or making it; nothing is left there."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as trial:
            trial.write(b"x")
    except OSError as error:
        user = getpass.getuser()
        zh = (
            f"{there} 不能写（{error.strerror}）：它应是运行受理的用户的目录（现在是 {user}），"
            "磁盘有空间、不是只读挂载；或换一个目录。"
        )
        en = (
            f"{there} cannot be written to ({error.strerror}): it should be a folder of the user"
            f" that runs Shouli (now {user}), on a disk with room that is not mounted to be read"
            " only; or choose another folder."
        )
        return [Problem("data_dir", str(folder), zh, en)]
    return []


def _told(problems: list[Problem], ask: Callable[[], _Found]) -> _Found | None:
    try:
        return ask()
    except ConfigurationError as error:
        problems += error.problems
        return None
