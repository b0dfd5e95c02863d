"""What a stranger reads before running a command: what happens, what it needs, what it prints, how it ends."""

import re

import pytest
from typer.testing import CliRunner

from carejourney.cli.main import app

SAID = {
    "erase": ("cannot be undone", "role erasure", "prints the signed receipt"),
    "record": ("add nothing", "It needs the running system", "It prints"),
    "schemas": ("breaking change", "No system has to run", "Nothing is printed"),
    "asyncapi": ("every topic", "nothing has to run", "standard output"),
    "kit": ("cases", "nothing has to run", "README"),
    "webhooks": ("trying again", "role operations", "POST /webhooks"),
}


@pytest.mark.parametrize("command", SAID)
def test_the_help_of_a_command_tells_a_stranger_what_it_does_and_needs(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"])
    text = re.sub(r"\s+", " ", shown.output)
    assert shown.exit_code == 0
    assert [words for words in SAID[command] if words not in text] == []
    assert command in {"asyncapi", "kit"} or "Exit status 0:" in text
