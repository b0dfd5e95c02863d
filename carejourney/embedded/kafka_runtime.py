"""Apache Kafka's own program: its jars out of the Maven repository, and a cache that makes its starts quick."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from carejourney.embedded.errors import Unavailable
from carejourney.embedded.java import QUIET_UNSAFE, WITH_CACHE, Java, find_java
from carejourney.embedded.progress import Progress, Silent

VERSION = "4.4.0"
# slf4j-simple: without a logger binding Kafka ends without a word.
COORDINATES = f"org.apache.kafka:kafka_2.13:{VERSION}+org.slf4j:slf4j-simple:1.7.36"
_JVM = (
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
)
# Kafka unmaps its indexes by a way that newer Java warns of at every start.
_SINCE_24 = ("--sun-misc-unsafe-memory-access=allow",)


@dataclass(frozen=True, slots=True)
class KafkaRuntime:
    """A Java runtime, Kafka's class path, and where the start-up cache lies (when this Java can use one)."""

    java: Java
    jars: tuple[Path, ...]
    cache: Path | None

    def command(self, main: str, *arguments: str, heap: int = 256, learn: bool = False) -> list[str]:
        """Give the command that runs a class of Kafka's; `heap` in megabytes; `learn` writes the start-up cache."""
        flags = [f"-Xmx{heap}m", *_JVM, *(_SINCE_24 if self.java.major >= QUIET_UNSAFE else ())]
        if self.cache and learn:
            flags.append(f"-XX:AOTCacheOutput={self.cache}")
        elif self.cache and self.cache.exists():
            flags.append(f"-XX:AOTCache={self.cache}")
        class_path = os.pathsep.join(map(str, self.jars))
        return [str(self.java.program), *flags, "-cp", class_path, main, *arguments]


def cache_folder() -> Path:
    """Give the user's cache folder for Kafka of this version."""
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return user / "carejourney" / f"kafka-{VERSION}"


def prepare(progress: Progress | None = None) -> KafkaRuntime:
    """Give a runtime that is ready to use, fetching what is missing (about 45 MB, once for a user).

    Raises Unavailable: no Java, no network, or a file that is not what was published.
    """
    progress = progress or Silent()
    java = find_java()
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder / "lock"):
        published = _published()
        jars = folder / "jars"
        if not all((jars / name).exists() for name in published):
            _fetch(jars, published, progress)
        runtime = KafkaRuntime(java, tuple(jars / name for name in published), _cache_file(folder, java))
        _learn_to_start(runtime, progress)
    return runtime


def _published() -> dict[str, str]:
    lines = resources.files("carejourney.embedded").joinpath("kafka-jars.sha256").read_text().split()
    return dict(zip(lines[1::2], lines[::2], strict=True))


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(target: Path, published: dict[str, str], progress: Progress) -> None:
    progress.say(f"Fetching Apache Kafka {VERSION} (about 45 MB, once): {target.parent}")
    with tempfile.TemporaryDirectory(dir=target.parent) as draft:
        whole = Path(draft) / "jars"
        whole.mkdir()
        for fetched in _resolve(Path(draft), len(published), progress):
            expected = published.get(fetched.name)
            if expected is None or hashlib.sha256(fetched.read_bytes()).hexdigest() != expected:
                raise Unavailable(
                    f"{fetched.name} is not the file that belongs to Apache Kafka {VERSION}. Fetch again."
                )
            shutil.copy2(fetched, whole / fetched.name)
        missing = published.keys() - {jar.name for jar in whole.iterdir()}
        if missing:
            raise Unavailable(f"The Maven repository did not give {', '.join(sorted(missing))}. Try again.")
        shutil.rmtree(target, ignore_errors=True)
        whole.rename(target)


def _resolve(folder: Path, expected: int, progress: Progress) -> list[Path]:
    try:
        # Slow to import, and needed once in the life of a machine.
        from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415
        from jgo.env import EnvironmentBuilder  # noqa: PLC0415
        from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415
        from requests import RequestException  # noqa: PLC0415
    except ImportError as error:
        raise Unavailable("Apache Kafka is not installed. Install `carejourney[embedded]`.") from error
    resolver = PythonResolver(progress_callback=_Counter(expected, progress).file)
    # A repository of its own: what a killed fetch left behind is never taken for a whole file.
    context = MavenContext(
        resolver=resolver, repo_cache=folder / "repository", remote_repos={"central": MAVEN_CENTRAL_URL}
    )
    try:
        built = EnvironmentBuilder(context=context, cache_dir=folder / "resolved").from_endpoint(COORDINATES)
    except (RequestException, RuntimeError, ValueError, OSError) as error:
        raise Unavailable(f"Apache Kafka could not be fetched: {error}. A network is needed once.") from error
    return list(built.all_jars)


class _Counter:
    """Counts what a resolver fetches."""

    def __init__(self, expected: int, progress: Progress) -> None:
        self._expected = expected
        self._progress = progress
        self._files = 0
        self._bytes = 0

    @contextlib.contextmanager
    def file(self, name: str, _size: int) -> "Iterator[_Counter]":
        yield self
        if name.endswith(".jar"):
            self._files += 1
            line = f"fetched {self._files} of {self._expected} files, {self._bytes / 1e6:.0f} MB"
            self._progress.update(line)
            if self._files % 15 == 0:
                self._progress.say(f"  {line}")

    def __call__(self, size: int) -> None:
        self._bytes += size


def _cache_file(folder: Path, java: Java) -> Path | None:
    if java.major < WITH_CACHE:
        return None
    # The cache is bound to the build of the Java runtime, wherever that lies, and to the flags.
    size = (java.home / "lib" / "modules").stat().st_size
    identity = f"{(java.home / 'release').read_text()}:{size}:{_JVM}{_SINCE_24}"
    return folder / f"start-{hashlib.sha256(identity.encode()).hexdigest()[:12]}.aot"


def _learn_to_start(runtime: KafkaRuntime, progress: Progress) -> None:
    if runtime.cache is None or runtime.cache.exists():
        return
    from carejourney.embedded.kafka import rehearse  # noqa: PLC0415 - the broker knows this module

    progress.say("Preparing Apache Kafka for quick starts (about 10 s, once)")
    draft = runtime.cache.with_suffix(".draft")
    rehearse(replace(runtime, cache=draft))
    if draft.exists():
        draft.rename(runtime.cache)
    older = sorted(runtime.cache.parent.glob("start-*.aot"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in older[2:]:
        file.unlink(missing_ok=True)
