"""A Dovecot of the tests' own: one user, mail in a Maildir, no service of the system."""

import asyncio
import os
import pwd
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.peers.conftest import program
from tests.services import free_port

USER = "support@example.com"
PASSWORD = "pässword-1"

_CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_internal_user = {internal}
default_login_user = {login}
default_internal_group = {group}
first_valid_uid = 1
mail_location = maildir:{folder}/mail:INDEX={folder}/index
mail_uid = {owner}
mail_gid = {owner_group}
mail_fsync = never
mail_max_userip_connections = 100
namespace inbox {{
  inbox = yes
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={owner} gid={owner_group} home={folder}/home
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


@dataclass
class Dovecot:
    """A running server, and its Maildir."""

    port: int
    folder: Path
    owner: pwd.struct_passwd
    _count: int = 0

    @property
    def inbox(self) -> Path:
        return self.folder / "mail"

    def put(self, *mails: bytes) -> None:
        """Delivers mails as a delivery agent does: written in tmp, renamed into new."""
        for mail in mails:
            self._count += 1
            name = f"{int(time.time())}.{self._count:06}.peer"
            part = self.inbox / "tmp" / name
            part.write_bytes(mail)
            os.chown(part, self.owner.pw_uid, self.owner.pw_gid)
            part.rename(self.inbox / "new" / name)

    def number_anew(self) -> None:
        """Throws the numbering away, so that the next UIDVALIDITY is another one."""
        for file in (self.inbox / "dovecot-uidlist", self.inbox / "dovecot-uidvalidity"):
            file.unlink(missing_ok=True)
        for file in self.inbox.glob("dovecot-uidvalidity.*"):
            file.unlink()
        shutil.rmtree(self.folder / "index", ignore_errors=True)
        time.sleep(1.1)  # a UIDVALIDITY is a time in seconds

    def read(self, folder: str = "") -> list[Path]:
        """The mails that are in a folder."""
        place = self.inbox / folder
        return [*place.glob("new/*"), *place.glob("cur/*")]


@asynccontextmanager
async def dovecot() -> AsyncIterator[Dovecot]:
    folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
    folder.chmod(0o755)
    owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.getuid())
    for name in ("mail/tmp", "mail/new", "mail/cur", "home", "index"):
        (folder / name).mkdir(parents=True)
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, owner.pw_uid, owner.pw_gid)
    port = free_port()
    configuration = folder / "dovecot.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            folder=folder,
            port=port,
            password=PASSWORD,
            owner=owner.pw_uid,
            owner_group=owner.pw_gid,
            internal="dovecot" if os.geteuid() == 0 else owner.pw_name,
            login="dovenull" if os.geteuid() == 0 else owner.pw_name,
            group="dovecot" if os.geteuid() == 0 else owner.pw_gid,
        )
    )
    process = await asyncio.create_subprocess_exec(
        program("dovecot"), "-F", "-c", str(configuration), stdin=asyncio.subprocess.DEVNULL
    )
    try:
        await _ready(port, folder, process)
        yield Dovecot(port, folder, owner)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
        shutil.rmtree(folder, ignore_errors=True)


async def _ready(port: int, folder: Path, process: asyncio.subprocess.Process) -> None:
    for _ in range(200):
        assert process.returncode is None, (folder / "log").read_text()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        greeting = await reader.readline()
        writer.close()
        if greeting.startswith(b"* OK"):
            return
    raise AssertionError((folder / "log").read_text())
