"""``python -m workers`` is ``shouli``."""

import signal

from workers.processes import heap


def main() -> None:
    """Loads the commands, and does what the command line asks for.

    Ctrl-C ends it by that signal wherever it is, and without a traceback: nobody's fault.
    """
    try:
        with heap.loading():
            from workers.commands import app
        app.main()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    main()
