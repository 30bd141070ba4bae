"""Small pictures of what customers sent, made anew in a killable child.

``python -m workers.messages.preview`` is the child: a picture on standard input, a WebP on
standard output. A picture can be hostile (a bomb of pixels, a broken header for a decoder's
fault); here it costs a child with limits on time and memory, and what comes out holds pixels
only, no place or camera.
"""

import asyncio
import hashlib
import io
import resource
import sys
from collections import OrderedDict
from pathlib import Path

import structlog

from workers.processes.environ import without_settings

_log = structlog.stdlib.get_logger(__name__)

PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})

_EDGE = 640
_MOST_PIXELS = 60_000_000
_SECONDS = 10.0
_CPU_SECONDS = 5
_MEMORY_BYTES = 1024 * 1024 * 1024
"""Of address space: the decoded picture, its copy, and the libraries."""

_AT_ONCE = 2
_KEPT = 128


class Previews:
    """Makes them one or two at a time, and keeps the last ones."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._kept: OrderedDict[str, bytes | None] = OrderedDict()

    async def __call__(self, content: bytes, mime: str) -> bytes | None:
        """A WebP of at most 640 pixels an edge; None where none can be made of it."""
        if mime not in PICTURES:
            return None
        name = hashlib.sha256(content).hexdigest()
        async with self._turns:
            if name not in self._kept:
                self._kept[name] = await _made(content)
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        self._kept.move_to_end(name)
        return self._kept[name]


async def _made(content: bytes) -> bytes | None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "workers.messages.preview",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
        env=without_settings(),
    )
    try:
        async with asyncio.timeout(_SECONDS):
            picture, _ = await child.communicate(content)
    except TimeoutError:
        picture = b""
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode or not picture:
        _log.info("no preview", bytes=len(content), code=child.returncode)
        return None
    return picture


# -- the child -------------------------------------------------------------------------


def main() -> None:
    """One picture."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = _MOST_PIXELS // 2  # it raises at twice of this
    formats = [mime.partition("/")[2].upper() for mime in sorted(PICTURES)]
    with Image.open(io.BytesIO(sys.stdin.buffer.read()), formats=formats) as picture:
        picture.draft("RGB", (_EDGE * 2, _EDGE * 2))  # a large JPEG is decoded small
        upright = ImageOps.exif_transpose(picture)
        upright.thumbnail((_EDGE, _EDGE))
        upright.convert("RGBA" if upright.mode in {"P", "LA", "RGBA", "PA"} else "RGB").save(
            sys.stdout.buffer, "WEBP", quality=80
        )


if __name__ == "__main__":
    main()
