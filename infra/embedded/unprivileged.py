"""Database servers refuse to run as root: as root, they are run as nobody, who must be able to reach their files."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from embedded.process import Identity
from embedded.service import ServiceError

NOBODY = Identity(65534, 65534)


def identity(*paths: Path) -> Identity | None:
    """Return nobody if we are root and nobody can reach the paths, else None: stay who we are."""
    return NOBODY if os.geteuid() == 0 and _open_to_all(paths) else None


def wrapper(server: str, *paths: Path) -> list[str]:
    """Root whose files nobody cannot reach (a checkout below /root) becomes nobody in a user namespace.

    Raises ServiceError where the machine allows none.
    """
    if os.geteuid() != 0 or _open_to_all(paths):
        return []
    command = ["unshare", "--user", f"--map-user={NOBODY.uid}", f"--map-group={NOBODY.gid}"]
    if not shutil.which("unshare") or subprocess.run([*command, "true"], capture_output=True).returncode:
        raise ServiceError(
            f"{server} cannot run as root: let others pass through the folders above "
            f"{' and '.join(map(str, paths))} (chmod o+x), or work as an ordinary user"
        )
    return command


def drop(to: Identity | None) -> dict[str, object]:
    """Return the identity as subprocess takes it."""
    return {"user": to.uid, "group": to.gid, "extra_groups": []} if to else {}


def _open_to_all(paths: Iterable[Path]) -> bool:
    found = (path.resolve() for path in paths)
    return all(parent.stat().st_mode & 0o001 for path in found for parent in (path, *path.parents) if parent.exists())
