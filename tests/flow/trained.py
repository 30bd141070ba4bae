"""What the first start learns from the seed corpus, kept from one test run to the next.

``make test`` runs pytest three times, and two of them trained anew what comes to the same. The
first start as a user makes it, training and all, is tried in ``test_readme.py``.
"""

import hashlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

_ROOT = Path(__file__).parents[2]
_MADE_OF = ("classifier/**/*", "config/*", "models/*.py", "requirements/run.lock")
"""Code, corpus, taxonomy and libraries: with any of them changed the bundle is another one."""


def place() -> Path:
    """The folder that has the bundle in it, once there is one of all that is there today."""
    digest = hashlib.sha256(sys.version.encode())
    for file in _files():
        digest.update(f"{file.relative_to(_ROOT)} {file.stat().st_size}\n".encode())
        digest.update(file.read_bytes())
    return _ROOT / "build" / "tests" / f"trained-{digest.hexdigest()[:16]}"


def keep(bundle: Path, at: Path) -> None:
    """Keeps ``bundle`` in the folder ``at``, in place of those of before."""
    at.parent.mkdir(parents=True, exist_ok=True)
    part = Path(mkdtemp(dir=at.parent))
    shutil.copytree(bundle, part / bundle.name)
    for old in at.parent.glob("trained-*"):
        shutil.rmtree(old)
    part.rename(at)


def _files() -> Iterator[Path]:
    for pattern in _MADE_OF:
        for file in sorted(_ROOT.glob(pattern)):
            if file.is_file() and file.suffix != ".pyc":
                yield file
