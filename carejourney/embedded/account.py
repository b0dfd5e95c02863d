"""The system user PostgreSQL runs as: ourselves, or an account of its own where we are root."""

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from carejourney.embedded.errors import Unavailable

ACCOUNT = "carejourney"


@dataclass(frozen=True, slots=True)
class Account:
    """A user that processes are started as; `uid` None means ourselves."""

    uid: int | None = None
    gid: int | None = None

    def own(self, path: Path) -> None:
        """Hand a file or folder over to the account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def start(self, command: Sequence[str], paths: Sequence[Path], log: IO[bytes] | int) -> subprocess.Popen[bytes]:
        """Start a command in a session of its own as the account; `paths` are what it must be able to reach."""
        become: dict[str, Any] = {}
        if self.uid is not None and all(_reachable(path) for path in paths):
            become = {"user": self.uid, "group": self.gid, "extra_groups": []}
        elif self.uid is not None:
            command = [*self._with_search_capability(paths), *command]
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/", **become
        )

    def _with_search_capability(self, paths: Sequence[Path]) -> list[str]:
        # A home folder may be closed to the account. Opening it for everybody would outlast us and reach
        # beyond our files, so the processes get the right to pass through closed folders instead.
        setpriv = shutil.which("setpriv")
        capability = next((name for name, bit in _CAPABILITIES if _effective_capabilities() >> bit & 1), None)
        if setpriv is None or capability is None:
            closed = next(path for path in paths if not _reachable(path))
            raise Unavailable(
                f"PostgreSQL runs as the user {ACCOUNT}, who may not enter a folder above {closed}. "
                f"Choose another place with --data DIR, or do not run as root."
            )
        return [
            setpriv,
            f"--reuid={self.uid}",
            f"--regid={self.gid}",
            "--clear-groups",
            f"--inh-caps=+{capability}",
            f"--ambient-caps=+{capability}",
            "--",
        ]


_CAPABILITIES = (("dac_read_search", 2), ("dac_override", 1))


def _effective_capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _reachable(path: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)


def postgres_account() -> Account:
    """Give the account for PostgreSQL, which refuses to run as root; make it when it is missing."""
    if os.geteuid() != 0:
        return Account()
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        entry = _create()
    return Account(entry.pw_uid, entry.pw_gid)


def _create() -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if useradd is None:
        raise Unavailable(
            f"PostgreSQL does not run as root, and there is no `useradd` to make the user {ACCOUNT}. "
            f"Make that user, or run as an ordinary one."
        )
    shell = "/usr/sbin/nologin"
    done = subprocess.run(
        [
            useradd,
            "--system",
            "--user-group",
            "--no-create-home",
            "--home-dir",
            "/nonexistent",
            "--shell",
            shell,
            ACCOUNT,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    # Status 9: somebody made the user at the same moment.
    if done.returncode not in (0, 9):
        raise Unavailable(f"The user {ACCOUNT} could not be made: {done.stderr.strip()}")
    return pwd.getpwnam(ACCOUNT)
