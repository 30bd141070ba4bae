"""``python -m workers.reference docs`` writes the pages into the folder ``docs``."""

import sys
from pathlib import Path

from workers.reference.pages import pages


def main(docs: Path) -> None:
    """Writes the pages into the folder ``docs``."""
    for name, text in pages().items():
        path = docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
