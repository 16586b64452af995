"""An answer's prose: its parts, and nothing in it that is not prose."""

from living_answers.ui.prose import page, to_html


def test_a_page_has_its_parts_and_what_to_say() -> None:
    shown = page("# Why?\n\n**Say it.** So.\n\n**This run proves**\n- *a*: b\n\n**Where this stops.** Here.")
    assert shown.say_it == "<p>So.</p>\n"
    assert [part.heading for part in shown.parts] == ["This run proves", "Where this stops"]
    assert "<li><em>a</em>: b</li>" in shown.parts[0].html


def test_usual_parts_may_follow_each_other_line_by_line() -> None:
    shown = page("Why?\n\n**This run proves** that.\n**Break it.** `so`.\n**Where this stops.** Here.")
    assert [part.heading for part in shown.parts] == ["This run proves", "Break it", "Where this stops"]


def test_bold_words_in_a_sentence_begin_no_part() -> None:
    shown = page("Why?\n\n**How it works.** It is\n**Not** a part, and **Nor this**.")
    assert [part.heading for part in shown.parts] == ["How it works"]


def test_a_page_without_parts_is_shown_all_the_same() -> None:
    assert page("Why?\n\nBecause.").parts[0].html == "<p>Because.</p>\n"
    assert page("Why?").parts == ()


def test_html_stays_text_and_scripts_are_no_links() -> None:
    html = to_html("<script>alert(1)</script> [x](javascript:alert(1)) ![y](data:text/html,z) <img src=x onerror=y>")
    assert "<script" not in html
    assert "<img" not in html
    assert "href" not in html
