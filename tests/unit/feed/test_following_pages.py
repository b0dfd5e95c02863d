"""The runner of the documentation's pages: what it pastes, and when it says that a page is wrong."""

from pathlib import Path

import pytest

from tests.subscribers.page import Block, blocks, follow, matches

PAGE = """\
# A page

```bash name=first
FRUIT=pear; echo "a $FRUIT"
```

```text output
a ...
```

```python file=program.py
print("from a file")
```

```json
{"only": "to be read"}
```

```sh name=second
python3 program.py && echo "$FRUIT again"
```
"""


def written(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text)
    return page


def test_a_page_is_its_blocks_in_order(tmp_path: Path) -> None:
    found = blocks(written(tmp_path, PAGE))
    assert found[0] == Block("bash", "first", 'FRUIT=pear; echo "a $FRUIT"\n', "a ...\n", saved=False, line=3)
    assert [(one.language, one.name, one.saved) for one in found[1:]] == [
        ("python", "program.py", True), ("json", "", False), ("sh", "second", False),
    ]  # fmt: skip


def test_the_blocks_of_a_page_share_a_shell_and_its_files(tmp_path: Path) -> None:
    printed = follow(written(tmp_path, PAGE), tmp_path)
    assert printed["second"].split("\n")[:2] == ["from a file", "pear again"]


def test_an_environment_is_given_to_the_shell(tmp_path: Path) -> None:
    page = written(tmp_path, "```bash name=only\necho $WHERE\n```\n")
    assert follow(page, tmp_path, {"WHERE": "there"})["only"].strip() == "there"


def test_a_page_that_promises_something_else_is_wrong(tmp_path: Path) -> None:
    page = written(tmp_path, PAGE.replace("a ...\n", "an ...\n"))
    with pytest.raises(AssertionError, match=r"page\.md, line 3 printed\na pear"):
        follow(page, tmp_path)


def test_a_block_that_fails_makes_the_page_wrong(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="line 1: status 7"):
        follow(written(tmp_path, "```bash\n(exit 7)\n```\n"), tmp_path)


def test_a_block_that_hangs_makes_the_page_wrong(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError, match="begun"):
        follow(written(tmp_path, "```bash\necho begun; cat <(sleep 60)\n```\n"), tmp_path, seconds=1)


@pytest.mark.parametrize(
    ("expected", "printed", "alike"),
    [
        ("a\nb", "a  \nb\n\n", True),
        ('{"n":...}', '{"n":12}', True),
        ("first\n...\nlast", "first\n1\n2\nlast", True),
        ("first\n...", "second\n1", False),
        ("1.5", "135", False),
    ],
)
def test_three_dots_stand_for_anything_and_nothing_else_does(expected: str, printed: str, *, alike: bool) -> None:
    assert matches(expected, printed) is alike
