"""Java libraries by their Maven coordinates, fetched by the Ivy that PySpark carries and checked by SHA-256.

Ivy knows where Maven's repository is; MAVEN_REPOSITORY names a mirror instead. A lock file in `infra/embedded/maven`
pins every jar: a line holds `group:artifact:version` and the digest, and nothing is fetched that is not in it.
"""

import hashlib
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.sax.saxutils import quoteattr

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from embedded import java
from embedded.engine import EngineError, Progress
from embedded.home import REPOSITORY
from embedded.spark import spark_home

LOCKS = REPOSITORY / "infra" / "embedded" / "maven"
FETCH_SECONDS = 600
_LINE = re.compile(r"([\w.-]+):([\w.-]+):([\w.-]+) ([0-9a-f]{64})")


@dataclass(frozen=True)
class Jar:
    """One library and what its file must hash to."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        """The name of the file."""
        return f"{self.artifact}-{self.version}.jar"


@dataclass(frozen=True)
class MavenJars:
    """The jars of one lock file, in a folder of their own in the cache."""

    name: str
    cache: Path

    @property
    def folder(self) -> Path:
        """Where the jars are; another lock is another folder."""
        digest = hashlib.sha256(self._lock().read_bytes()).hexdigest()[:12]
        return self.cache / "jars" / f"{self.name}-{digest}"

    def jars(self) -> list[Jar]:
        """Return what the lock pins."""
        return [Jar(*match.groups()) for match in _LINE.finditer(self._lock().read_text())]

    def fetched(self) -> bool:
        """Tell whether all jars were fetched and checked: the mark is written last."""
        return (self.folder / "checked").exists()

    def fetch(self, progress: Progress) -> None:
        """Fetch what is missing, and check everything. Raises EngineError."""
        if self.fetched():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        attempts = Retrying(
            stop=stop_after_attempt(3),
            wait=wait_exponential_jitter(initial=1, max=20),
            retry=retry_if_exception_type(EngineError),
            reraise=True,
        )
        attempts(self._fetch_missing, progress)
        (self.folder / "checked").touch()

    def _fetch_missing(self, progress: Progress) -> None:
        wanted = self.jars()
        missing = [jar for jar in wanted if not self._is_whole(jar)]
        done = len(wanted) - len(missing)
        progress(f"{self.name}: jars", done, len(wanted))
        if missing:
            said = []
            for line in self._ivy(missing):
                said.append(line)
                if "[SUCCESSFUL ]" in line:
                    done += 1
                    progress(f"{self.name}: jars", done, len(wanted))
            self._judge(missing, said)
        progress(f"{self.name}: jars", len(wanted), len(wanted))

    def _judge(self, missing: list[Jar], said: list[str]) -> None:
        if absent := [jar.file for jar in missing if not (self.folder / jar.file).exists()]:
            remedy = "is Maven's repository reachable? MAVEN_REPOSITORY names a mirror"
            end = "\n".join(line.rstrip() for line in said[-8:])
            raise EngineError(f"{self.name}: {len(absent)} jars did not come, such as {absent[0]}; {remedy}\n{end}")
        for jar in missing:
            if not self._is_whole(jar):
                (self.folder / jar.file).unlink()
                raise EngineError(f"{self.name}: {jar.file} is not the file that the lock pins: it was thrown away")

    def _ivy(self, missing: list[Jar]) -> Iterator[str]:
        found = java.find()
        if not found:
            raise EngineError(f"{self.name} needs Java 17 or newer: apt install openjdk-17-jre-headless")
        ivy = next((spark_home() / "jars").glob("ivy-*.jar"))
        with TemporaryDirectory() as folder:
            settings, module = Path(folder) / "settings.xml", Path(folder) / "ivy.xml"
            settings.write_text(_settings(folder))
            module.write_text(_module(missing))
            pattern = f"{self.folder}/[artifact]-[revision].[ext]"
            command = [str(found.home / "bin" / "java"), "-jar", str(ivy), "-settings", str(settings)]
            command += ["-ivy", str(module), "-retrieve", pattern, "-types", "jar"]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
                assert process.stdout is not None  # noqa: S101 - for the type checker
                yield from process.stdout

    def _is_whole(self, jar: Jar) -> bool:
        try:
            return hashlib.sha256((self.folder / jar.file).read_bytes()).hexdigest() == jar.sha256
        except FileNotFoundError:
            return False

    def _lock(self) -> Path:
        return LOCKS / f"{self.name}.lock"


def _settings(cache: str) -> str:
    """The one repository, without reading POM files: the lock says all that there is to say."""
    mirror = os.environ.get("MAVEN_REPOSITORY")
    root = f" root={quoteattr(mirror)}" if mirror else ""
    return f"""<ivysettings>
  <settings defaultResolver="maven"/>
  <caches defaultCacheDir={quoteattr(cache)}/>
  <resolvers><ibiblio name="maven" m2compatible="true" usepoms="false"{root}/></resolvers>
</ivysettings>"""


def _module(jars: list[Jar]) -> str:
    lines = "\n".join(
        f'    <dependency org="{jar.group}" name="{jar.artifact}" rev="{jar.version}" transitive="false"/>'
        for jar in jars
    )
    return f"""<ivy-module version="2.0">
  <info organisation="living-answers" module="engine"/>
  <dependencies>
{lines}
  </dependencies>
</ivy-module>"""
