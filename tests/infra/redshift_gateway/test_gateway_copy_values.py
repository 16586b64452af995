"""The parts of a COPY without servers: values, dates, and pieces that are read alike by column and by record."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redshift_gateway.copy import delimited, fixed_width, jsonpaths, pieces, records
from redshift_gateway.copy.columns import Column
from redshift_gateway.copy.pieces import Piece
from redshift_gateway.copy.rejects import BadValueError, Rejects
from redshift_gateway.copy.source import Source
from redshift_gateway.copy.values import Rule
from redshift_gateway.errors import GatewayError
from redshift_gateway.s3.objects import S3Object
from redshift_gateway.statements import dates
from redshift_gateway.statements.copy import CopyStatement
from redshift_gateway.statements.copy_parser import parse_copy
from redshift_gateway.statements.lexer import tokenize

fuzzed = settings(deadline=None, max_examples=150)
DECIMAL_8_2 = (8 << 16 | 2) + 4
COLUMNS = [
    Column("id", "int4"),
    Column("name", "varchar", 9 + 4),
    Column("amount", "numeric", DECIMAL_8_2),
    Column("day", "date"),
    Column("ok", "bool", required=True),
]


def statement(options: str) -> CopyStatement:
    return parse_copy(tokenize(f"copy t from 's3://lake/x' iam_role 'r' {options}"))


def source(options: str, columns: list[Column] = COLUMNS) -> Source:
    copy = statement(options)
    return Source(None, S3Object("lake/x", 0), copy, columns, Rejects(copy))


def rule(kind: str, modifier: int = -1, options: str = "csv maxerror 9") -> Rule:
    return Rule(Column("c", kind, modifier), statement(options))


@pytest.mark.parametrize(
    ("checked", "value", "gives"),
    [
        (rule("int4"), " 12 ", "12"),
        (rule("int4"), "", None),
        (rule("int4"), r"\N", None),
        (rule("varchar"), r"\N", None),
        (rule("varchar"), " ", " "),
        (rule("numeric", DECIMAL_8_2), "-20.259", "-20.25"),
        (rule("numeric", DECIMAL_8_2, "csv roundec"), "20.259", "20.26"),
        (rule("numeric", DECIMAL_8_2), "1e2", "100"),
        (rule("numeric", DECIMAL_8_2), ".5", "0.5"),
        (rule("varchar", 4 + 4, "csv truncatecolumns"), "aaaé", "aaa"),
        (rule("bpchar", 3 + 4), "ab   ", "ab"),
        (rule("date", options="csv dateformat 'DD.MM.YY'"), "01.02.69", "2069-02-01"),
        (rule("timestamp", options="csv timeformat 'epochmillisecs'"), "-1", "1969-12-31 23:59:59.999000+00:00"),
        (rule("date", options="csv acceptanydate dateformat 'auto'"), "tomorrow", None),
        (rule("jsonb"), '{"a": 1}', '{"a": 1}'),
        (rule("varchar", options="blanksasnull"), "", None),
        (rule("varchar", options="blanksasnull"), " \t", None),
        (
            rule("timestamptz", options="csv timeformat 'auto'"),
            "12/17/1997 07:37:16.00 PST",
            "1997-12-17 07:37:16PST",
        ),
    ],
)
def test_values(checked: Rule, value: str, gives: str | None) -> None:
    assert checked(value) == gives


@pytest.mark.parametrize(
    ("checked", "value", "code"),
    [
        (rule("int4"), "1.5", 1207),
        (rule("int4"), "-", 1207),
        (rule("int4"), "2147483648", 1222),
        (rule("int2"), "٣", 1207),
        (rule("numeric", DECIMAL_8_2), "1000000", 1204),
        (rule("numeric", DECIMAL_8_2), "nan", 1209),
        (rule("numeric", DECIMAL_8_2), "1e999999999", 1204),
        (rule("float8"), "1,5", 1208),
        (rule("bool"), "maybe", 1210),
        (rule("varchar", 4 + 4), "éé!", 1204),
        (rule("bpchar", 9 + 4), "é", 1215),
        (rule("date"), "2024-02-30", 1205),
        (rule("timestamp"), "2024-01-01 25:00:00", 1206),
        (rule("jsonb"), "{", 1224),
    ],
)
def test_values_that_do_not_fit(checked: Rule, value: str, code: int) -> None:
    with pytest.raises(BadValueError) as caught:
        checked(value)
    assert (caught.value.code, caught.value.column) == (code, checked.column)


# The table on AWS' page, whose blanks between quotes are HTML's: ''Black'' without its outer quotes is 'Black'.
@pytest.mark.parametrize(
    ("written", "loaded"),
    [
        ('"The delimiter is a pipe (|) character"', "The delimiter is a pipe (|) character"),
        ("'Black'", "Black"),
        ("Blue'", "Blue'"),
        ("''Black''", "'Black'"),
        ("' '", " "),
        ("'It's'|x", "It's"),
        ("'a'|'b'", "a"),
    ],
)
def test_removequotes(written: str, loaded: str) -> None:
    found = records.fields(written, statement("removequotes"))
    assert not isinstance(found, BadValueError)
    assert found[0] == loaded


def test_lines_that_end_with_a_separator_are_taken_by_column() -> None:
    columns = [Column("a", "int4"), Column("b", "varchar")]
    for data, taken in ((b"1|x|\r\n2||\n", True), (b"1|x|\n2|x|y\n", False), (b"1|x|\n2|x\n", False)):
        assert (delimited._by_column(source("", columns), Piece(1, data)) is not None) == taken
    mixed = source("", columns).load(records.read(Piece(1, b"1|x|\n2|x\n"), statement("")))
    assert bytes(mixed.data) == b'"1","x"\n"2","x"\n'
    with pytest.raises(GatewayError, match="failed"):
        source("", columns).load(records.read(Piece(1, b"1|x|y\n"), statement("")))
    with pytest.raises(GatewayError, match="failed"):
        source("csv", columns).load(records.read(Piece(1, b"1,x,\n"), statement("csv")))


@pytest.mark.parametrize("written", ["'Blue", '"Blue', "'Blue|x", "'"])
def test_quotes_without_an_end(written: str) -> None:
    assert isinstance(records.fields(written, statement("removequotes")), BadValueError)


def test_fillrecord_gives_an_empty_text_to_a_varchar_and_null_to_others() -> None:
    columns = [Column("a", "varchar"), Column("b", "varchar"), Column("c", "bpchar", 5 + 4), Column("d", "int4")]
    line = source("fillrecord", columns).load(records.read(Piece(1, b"x\n"), statement("fillrecord")))
    assert bytes(line.data) == b'"x","",,\n'


@pytest.mark.parametrize(
    ("paths", "says"),
    [('["$.a", "$[\'b\']"]', "mixes bracket notation and dot notation"), ('["$.a[0]", "$.b"]', ""), ('["$[0]"]', "")],
)
def test_the_notations_of_a_jsonpaths_file_are_not_mixed(paths: str, says: str) -> None:
    if not says:
        assert jsonpaths.parse(f'{{"jsonpaths": {paths}}}'.encode(), "s3://x")
        return
    with pytest.raises(GatewayError, match=says):
        jsonpaths.parse(f'{{"jsonpaths": {paths}}}'.encode(), "s3://x")


@fuzzed
@given(st.text("0123456789-/:. TZJBCAPMjanuary+", max_size=30))
def test_any_text_may_be_asked_for_its_date(text: str) -> None:
    found = dates.automatic(text)
    assert found is None or isinstance(found, str)


@pytest.mark.parametrize("form", ["", "-/", "YYYY YYYY", "HH:HH24"])
def test_formats_that_are_none(form: str) -> None:
    with pytest.raises(GatewayError, match="COPY: the format"):
        dates.pattern(form)


TEXTS = st.text(st.sampled_from('ab,|"\\\né 1-.N\r'), max_size=6)
NUMBERS = st.sampled_from(["1", " 2", "", "-3", "4x", "99999999999", "\\N", "1.25", "1.259"])
CELLS = st.tuples(
    NUMBERS, TEXTS, NUMBERS, st.sampled_from(["2024-01-31", "", "31.1.2024"]), st.sampled_from(["t", "", "x"])
)
OPTIONS = st.sampled_from(
    ["", " maxerror 99999", " emptyasnull", " truncatecolumns trimblanks", " blanksasnull", " fillrecord"]
)


@fuzzed
@given(st.lists(CELLS, min_size=1, max_size=4), OPTIONS)
def test_csv_by_column_is_csv_record_by_record(cells: list[tuple[str, ...]], options: str) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(cells)
    same_either_way(source("csv" + options), out.getvalue().encode())


@fuzzed
@given(st.lists(CELLS, min_size=1, max_size=4), OPTIONS, st.sampled_from(["", " escape"]))
def test_text_by_column_is_text_record_by_record(cells: list[tuple[str, ...]], options: str, escape: str) -> None:
    same_either_way(source(escape + options), "".join("|".join(row) + "\n" for row in cells).encode())


def same_either_way(opened: Source, data: bytes) -> None:
    """What Arrow makes of a piece, if it takes it, is what the careful way makes of it, with nothing rejected."""
    piece = Piece(1, data)
    by_column = delimited._by_column(opened, piece)
    if by_column is None:
        return
    try:
        careful = opened.load(records.read(piece, opened.statement), data)
    except GatewayError:
        raise AssertionError("only the careful way finds a fault") from None
    assert opened.rejects.count == 0
    assert bytes(by_column) == careful.data


@fuzzed
@given(st.lists(st.text(st.sampled_from("ab é1"), min_size=1, max_size=7), min_size=1, max_size=5))
def test_fixed_width_by_column_is_fixed_width_record_by_record(lines: list[str]) -> None:
    opened = source("fixedwidth 'a:2,b:3'", [Column("a", "varchar"), Column("b", "varchar", 3 + 4)])
    piece, bounds = Piece(1, "".join(line + "\n" for line in lines).encode()), [(0, 2), (2, 5)]
    if (by_column := fixed_width._by_column(opened, piece, bounds)) is not None:
        careful = opened.load(fixed_width._records(opened, piece, bounds))
        assert bytes(by_column) == careful.data


@fuzzed
@given(st.text(st.sampled_from('a,"\n\\'), max_size=40))
def test_pieces_end_where_records_do(text: str) -> None:
    data = text.encode()
    quoted = pieces.quoted_end(b'"')(data)
    assert data[:quoted].count(b'"') % 2 == 0
    assert not quoted or data[quoted - 1 : quoted] == b"\n"
    escaped = pieces.escaped_end(data)
    assert not data[:escaped].endswith(b"\\\n") or data[:escaped].endswith(b"\\\\\n")


def test_a_plain_piece_is_taken_by_column() -> None:
    """Else the two tests above would compare nothing."""
    assert delimited._by_column(source("csv"), Piece(1, b"1,ab,2,2024-01-31,t\n")) is not None
    assert delimited._by_column(source(""), Piece(1, b"1|ab|2|2024-01-31|t\n")) is not None
