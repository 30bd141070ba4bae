"""``python -m workers`` is ``shouli``."""

from workers.processes import heap


def main() -> None:
    """Loads the commands, and does what the command line asks for."""
    with heap.loading():
        from workers.commands import app
    app.main()


if __name__ == "__main__":
    main()
