"""The certificate of STARTTLS, as it is on the disk now."""

import logging
import os
import ssl
from pathlib import Path

from models.errors import Permanent

_log = logging.getLogger(__name__)

_Stamp = tuple[tuple[int, int, int], ...]
"""What changes of a file when it is written anew, or its link is turned to another one."""


class Certificate:
    """One that was renewed serves from the next connection on: nobody need restart for it."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Loads it.

        Raises:
            Permanent: the certificate or its key cannot be read, or they are not a pair.
        """
        self._files = (certificate, key)
        self._seen = self._stamp()
        self._context = self._loaded()

    def context(self) -> ssl.SSLContext:
        """What a new connection is offered: the newest pair that can be used."""
        stamp = self._stamp()
        if stamp != self._seen:
            # Whoever renews writes one file before the other: until both fit, the old pair serves.
            self._seen = stamp
            try:
                self._context = self._loaded()
                _log.info("certificate loaded anew")
            except Permanent as error:
                _log.error("certificate not loaded, the old one serves: %s", error)
        return self._context

    def _stamp(self) -> _Stamp:
        found = []
        for path in self._files:
            try:
                stat = os.stat(path)
            except OSError:
                found.append((0, 0, 0))
            else:
                found.append((stat.st_ino, stat.st_mtime_ns, stat.st_size))
        return tuple(found)

    def _loaded(self) -> ssl.SSLContext:
        certificate, key = self._files
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(certificate, key)
        except OSError as error:
            raise Permanent(
                f"证书 {certificate} 或私钥 {key} 无法读取（{error.strerror}），请检查文件"
                f" / Certificate {certificate} or key {key} cannot be read ({error.strerror}); "
                "check the files",
                code="smtp_bad_certificate",
            ) from error
        return context
