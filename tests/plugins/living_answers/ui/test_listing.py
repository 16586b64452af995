"""The code as the page shows it."""

from living_answers.ui.listing import line_of, lines

CODE = '''"""Page with "a proof" in it.

more
"""

import os

x = "</pre><script>"
prove("a proof", observed=1)
prove(
    "below",
)
'''


def test_lines_keep_their_numbers_without_the_docstring() -> None:
    shown = lines(CODE)
    assert (shown[0].number, shown[-1].number) == (6, 12)
    assert "import" in shown[0].html


def test_code_is_escaped() -> None:
    assert "&lt;script&gt;" in lines(CODE)[2].html
    assert all("<script" not in line.html for line in lines(CODE))


def test_every_line_closes_what_it_opens() -> None:
    shown = lines('x = """one\ntwo\n"""\n')
    assert all(line.html.count("<span") == line.html.count("</span") for line in shown)


def test_a_proof_is_found_in_the_code_and_not_in_the_prose() -> None:
    assert line_of(CODE, "a proof") == 9
    assert line_of(CODE, "below") == 11
    assert line_of(CODE, "absent") is None
