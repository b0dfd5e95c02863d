"""What can keep the embedded system from running, each with its remedy.

EmbeddedError
    PortTaken       another process listens where we must
    StartFailed     a process ended, or did not answer in time
    AlreadyRunning  another supervisor holds the data folder
    Unusable        nothing can be kept in the data folder
    Unavailable     something the machine must have is not there
"""

from pathlib import Path


class EmbeddedError(Exception):
    """The embedded system cannot go on; the text says why and what to do."""


class PortTaken(EmbeddedError):  # noqa: N818 - a state of the machine, named as people say it
    """A port that we need is in use by somebody else."""

    def __init__(self, use: str, port: int, owner: str | None) -> None:
        holder = f"by {owner}" if owner else "by another process"
        super().__init__(
            f"Port {port}, meant for {use}, is in use {holder}. Stop that process, or choose other ports: "
            f"`carejourney up --port-base 18000`."
        )
        self.port = port


class StartFailed(EmbeddedError):  # noqa: N818
    """A part did not come up; quotes the first error of its log."""

    def __init__(self, part: str, reason: str, log: Path) -> None:
        super().__init__(f"{part} did not start: {reason}. Its log is {log}.")


class AlreadyRunning(EmbeddedError):  # noqa: N818
    """Another supervisor works in this data folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"Another `carejourney up` works in {folder}. See `carejourney status --data {folder}`.")


class Unusable(EmbeddedError):  # noqa: N818
    """Nothing can be kept in the data folder that was named."""

    def __init__(self, folder: Path, error: OSError) -> None:
        super().__init__(
            f"Nothing can be kept in {folder}: {error.strerror or type(error).__name__}. Name a folder that you may"
            " write to: `carejourney up --data DIR`."
        )


class Unavailable(EmbeddedError):  # noqa: N818
    """A program or a package is missing on this machine."""
