"""The `carejourney` program."""

from carejourney.cli.main import main
from carejourney.cli.running import run_service

__all__ = ["main", "run_service"]
