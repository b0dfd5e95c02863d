from tests.unit.education.made_education import Record, row

NUMBER, OTHER = "K990123456789", "K990123456790"


def test_a_header_row_gives_the_unique_pupil_number() -> None:
    record = Record()
    record.import_header(NUMBER, 2025)

    assert record.content("education.upn_recorded") == [{"upn": NUMBER, "unknown_because": None}]
    assert record.facts[0].effective is None


def test_a_code_says_why_there_is_no_number() -> None:
    record = Record()
    record.import_header("un3", 2025)

    assert record.content("education.upn_recorded") == [{"upn": None, "unknown_because": "UN3"}]


def test_a_number_known_later_corrects_the_code() -> None:
    record = Record()
    record.import_header("UN4", 2024)
    record.import_header(NUMBER, 2025)

    assert record.types() == ["upn_recorded", "fact_corrected"]
    assert (record.corrections, record.content("education.upn_recorded")[0]["upn"]) == (1, NUMBER)


def test_returns_of_several_years_again_add_nothing() -> None:
    record = Record()
    for year, upn in ((2023, "UN4"), (2024, NUMBER), (2025, NUMBER)):
        record.import_header(upn, year)

    added = [record.import_header(upn, year) for year, upn in ((2023, "UN4"), (2024, NUMBER), (2025, NUMBER))]

    assert added == [0, 0, 0]


def test_what_an_older_return_says_otherwise_is_flagged() -> None:
    record = Record()
    record.import_header(NUMBER, 2025)

    assert record.import_header(OTHER, 2023) == 0
    assert record.rules() == ["older_return"]


def test_a_number_changed_and_changed_back_are_two_corrections() -> None:
    record = Record()
    for upn in (NUMBER, OTHER, NUMBER):
        record.import_header(upn, 2025)

    assert record.corrections == 2
    assert record.content("education.upn_recorded")[0]["upn"] == NUMBER


def test_a_number_is_taken_back_with_its_row_by_a_complete_return_that_repeated_it() -> None:
    record = Record()
    for year in (2024, 2025):
        record.import_header(NUMBER, year)

    assert [record.import_header(None, 2024, complete=True), record.import_header(None, 2025)] == [0, 0]
    assert record.import_header(None, 2025, complete=True) == 1
    assert record.content("education.upn_recorded") == []
    assert (record.import_header(NUMBER, 2024), record.rules()) == (0, ["older_return"])
    assert record.import_header(NUMBER, 2025) == 1


def test_a_number_that_enrolments_state_is_not_taken_back_by_a_return() -> None:
    record = Record()
    record.import_enrolments(row("990001", "2025-09-03", upn=NUMBER))
    record.import_header(NUMBER, 2025)

    assert record.import_header(None, 2025, complete=True) == 0


def test_a_number_in_an_enrolment_is_recorded_where_none_is() -> None:
    record = Record()
    record.import_enrolments(row("990001", "2025-09-03", upn=NUMBER))

    assert record.content("education.upn_recorded")[0]["upn"] == NUMBER
    assert record.import_enrolments(row("990001", "2025-09-03", upn=NUMBER)) == 0


def test_a_number_in_an_enrolment_that_differs_from_the_return_is_flagged() -> None:
    record = Record()
    record.import_header(NUMBER, 2025)
    record.import_enrolments(row("990001", "2025-09-03", upn=OTHER))

    assert record.rules() == ["upn_differs"]
    assert record.content("education.upn_recorded")[0]["upn"] == NUMBER
