"""``python -m workers`` is ``shouli``."""

from workers.cli import main

main()
