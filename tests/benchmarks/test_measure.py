from math import inf

from benchmarks.measure import Figure, table


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]


def test_a_ratio_above_one_says_that_the_first_is_better_whichever_way_the_figure_counts():
    ours = [Figure("rate", 200.0, "/s", more_is_better=True), Figure("time", 2.0, "s")]
    theirs = [Figure("rate", 100.0, "/s", more_is_better=True), Figure("time", 1.0, "s")]

    lines = rows(table({"ours": ours, "theirs": theirs}))

    assert lines[2] == ["rate", "200.00 /s", "100.00 /s", "2.00×"]
    assert lines[3] == ["time", "2.00 s", "1.00 s", "0.50×"]


def test_what_a_rival_cannot_be_asked_is_left_blank_and_what_never_happens_has_no_ratio():
    ours = [Figure("memory", 1.0, "kB"), Figure("until green", 3.0, "s")]

    lines = rows(table({"ours": ours, "one": [], "other": [Figure("until green", inf, "s")]}))

    assert lines[0] == ["measurement", "ours", "one", "ratio", "other", "ratio"]
    assert lines[2] == ["memory", "1.00 kB", "–", "–", "–", "–"]
    assert lines[3] == ["until green", "3.00 s", "–", "–", "never", "–"]
