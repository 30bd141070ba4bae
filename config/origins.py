"""Where each setting was read, so that whoever finds it wrong, or a path, can tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PREFIX = "SHOULI_"
"""What the variables of the environment that are settings begin with."""

_Path = tuple[str, ...]


@dataclass(frozen=True)
class Origins:
    """Settings by where they stand: ("channels", "email", "port")."""

    folder: Path = field(default_factory=Path)
    """Where relative paths start that no file has."""
    sources: Mapping[_Path, str] = field(default_factory=dict)
    """The file or the variable that set it; nothing of what is a default."""
    references: Mapping[_Path, frozenset[str]] = field(default_factory=dict)
    """What a setting takes from others: “{channels.email.port}” is "channels.email.port"."""

    def source(self, path: Sequence[str]) -> str:
        """The file or the variable that a setting, or what it is part of, was read from."""
        for length in range(len(path), 0, -1):
            if name := self.sources.get(tuple(path[:length])):
                return name
        return ""

    def anchor(self, path: Sequence[str], file: str) -> Path:
        """The ``file`` that a setting names, from the folder of where it was read."""
        source = self.source(path)
        within = Path(source).parent if source and not source.startswith(PREFIX) else self.folder
        return within / Path(file).expanduser()
