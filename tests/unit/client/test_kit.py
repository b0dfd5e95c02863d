"""The kit as files: complete, the same each time, and with nobody in it."""

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

from jsonschema import validate

from carejourney.client import Unknown, typed
from carejourney.kit import cases, samples, write_kit, zipped
from carejourney.kit.cases import holds
from carejourney.kit.writing import contents
from carejourney.records import read
from events.catalogue import CATALOGUE, TOPICS

LINE = {
    "type": "object",
    "required": ["fact", "subject", "type", "version", "effective", "data"],
    "properties": {"effective": {"type": ["string", "null"]}, "data": {"type": "object"}},
}


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_there_is_a_sample_of_every_fact_as_a_record_that_our_own_reader_takes() -> None:
    found = samples()

    assert {record.type for record in found.values()} == set(CATALOGUE)
    for record in found.values():
        headers = [(name, value.encode()) for name, value in record.headers.items()]
        assert not isinstance(read(headers, record.key.encode(), record.payload(), record.topic), str), record.type
        assert record.topic in TOPICS


def test_personal_fields_are_sealed_in_every_sample_and_case() -> None:
    for record in (*samples().values(), *(record for case in cases() for record in case.records)):
        cls = CATALOGUE.get(record.type)
        for field in cls.personal_fields() if cls else ():
            assert record.value.get(field) is None or record.value[field].startswith(f"sealed.1.{record.key}.")


def test_the_same_kit_is_the_same_bytes() -> None:
    before = zipped()
    for cached in (zipped, contents):
        cached.cache_clear()

    assert zipped() == before


def test_a_folder_and_the_archive_hold_the_same_files(tmp_path: Path) -> None:
    count = write_kit(tmp_path)
    archive = zipfile.ZipFile(io.BytesIO(zipped()))
    written = {
        path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*") if path.is_file()
    }

    assert {name.removeprefix("kit/"): archive.read(name).decode() for name in archive.namelist()} == written
    assert len(written) == count
    assert write_kit(tmp_path) == count


def test_every_case_has_records_and_the_lines_that_a_right_subscriber_prints() -> None:
    files = contents()
    for number, case in enumerate(cases(), 1):
        assert len(_lines(files[f"cases/{number:02}-{case.name}.jsonl"])) == len(case.records)
        expected = _lines(files[f"cases/{number:02}-{case.name}.expected.jsonl"])
        assert expected
        for line in expected:
            validate(line, LINE)


def test_the_readme_of_the_kit_tells_every_case() -> None:
    told = re.findall(r"^\| `([a-z-]+)` \| [^|]+ \|$", contents()["README.md"], re.MULTILINE)

    assert told == [case.name for case in cases()]


def test_what_is_unknown_in_the_kit_is_unknown_to_the_client_and_is_not_expected() -> None:
    strange = [record for case in cases() if case.name in {"unknown-type", "newer-version"} for record in case.records]
    versions = {record.id: int(record.headers["ce_dataschema"].rpartition(":")[2]) for record in strange}
    read_as = {record.id: typed(record.type, versions[record.id], record.value) for record in strange}

    assert sum(isinstance(one, Unknown) for one in read_as.values()) == 2
    assert set(holds(strange)) == {fact for fact, one in read_as.items() if not isinstance(one, Unknown)}


def test_versions_are_dense_for_each_child_and_topic_of_the_samples() -> None:
    seen: dict[tuple[str, str], list[int]] = {}
    for record in samples().values():
        seen.setdefault((record.key, record.topic), []).append(record.version)

    assert all(versions == list(range(1, len(versions) + 1)) for versions in seen.values())
