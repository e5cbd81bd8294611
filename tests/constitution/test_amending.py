"""What a difference between two laws amounts to, on edits of real constitutions judged by hand."""

import csv
from pathlib import Path

import pytest

from governance.constitution.amending import LawDiff, compare_law_texts
from governance.constitution.lawtext import law_of_text
from tests.constitution import acts

HERE = Path(__file__).parent
SOURCES = {
    "sample": HERE.parents[1] / "agents/sample/constitution.md",
    "spec-kit": acts.SHARED / "corpus/github__spec-kit/.specify/memory/constitution.md",
    "gatling": acts.SHARED
    / "corpus/galax-io__gatling-kafka-plugin/.specify/memory/constitution.md",
    "spine": acts.SHARED / "corpus/statecrafting__spec-spine/standards/spec/constitution.md",
}


def judged() -> list[dict[str, str]]:
    with (HERE / "amendments.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [{name: text.replace("\\n", "\n") for name, text in row.items()} for row in rows]


def text_of(source: str) -> str:
    path = SOURCES[source]
    if not path.is_file():
        pytest.skip(f"{path.name} of {source} is not here: set PORTAL_SHARED")
    return path.read_text(encoding="utf-8")


def diff(before: str, after: str) -> LawDiff:
    return compare_law_texts(law_of_text(before.encode()), law_of_text(after.encode()))


def edited(row: dict[str, str]) -> LawDiff:
    text = text_of(row["source"])
    assert text.count(row["before"]) >= 1, "the edit does not fit the text"
    return diff(text, text.replace(row["before"], row["after"], 1))


@pytest.mark.parametrize("row", judged(), ids=lambda row: f"{row['source']}: {row['judgement']}")
def test_the_level_of_an_edit_is_the_one_judged_by_hand(row):
    found = edited(row)
    assert found.level == row["level"], found.sentences
    if row["kind"]:
        main = max(found.changes, key=lambda change: change.is_material)
        assert (main.kind, main.key) == (row["kind"], row["key"]), found.sentences


def test_before_there_is_law_everything_is_major_and_touches_all():
    found = compare_law_texts(None, law_of_text(acts.law()))
    assert (found.level, found.touches_all, found.is_first) == ("major", True, True)
    assert found.touched == ("simplicity", "test-first")


def test_the_same_law_with_another_number_is_a_patch_that_touches_nothing():
    found = compare_law_texts(law_of_text(acts.law()), law_of_text(acts.law("1.0.1")))
    assert (found.level, found.touched, found.touches_all) == ("patch", (), False)
    assert found.sentences == ("Nothing that the law says differs.",)


def law_diff(*changes: tuple[str, str]) -> LawDiff:
    return compare_law_texts(law_of_text(acts.law()), law_of_text(acts.law("1.0.0", *changes)))


def test_what_differs_in_more_than_wording_is_touched_under_every_name_it_has_or_had():
    found = law_diff(
        ("### II. Simplicity\nTeams SHOULD", "### II. Plainness (also: KISS, Less)\nTeams MUST")
    )
    assert found.level == "major"
    assert found.touched == ("kiss", "less", "plainness", "simplicity")
    assert not found.touches_all


def test_wording_touches_nothing_and_says_which_principle_differs():
    found = law_diff(("Teams SHOULD choose", "The teams should choose"))
    assert (found.level, found.touched, found.differing) == ("patch", (), ("simplicity",))


@pytest.mark.parametrize(
    "change",
    [
        ("before the code", "after the code"),
        (" (NON-NEGOTIABLE)", ""),
        ("that they test. ", "that they test. They MUST run every night."),
    ],
)
def test_a_non_negotiable_principle_that_differs_touches_all(change):
    assert law_diff(change).touches_all


def test_the_order_of_principles_counts_only_where_the_text_says_so():
    said = "Principles are listed in order of precedence.\nAmendments"
    before, after = (
        acts.TEXT.format(extra="").replace("Amendments", said) for said in (said, said)
    )
    swapped = _swap(after)
    assert diff(before, swapped).level == "major"
    assert diff(acts.TEXT.format(extra=""), _swap(acts.TEXT.format(extra=""))).level == "patch"


def _swap(text: str) -> str:
    head, first, second = text.split("### ", 2)
    second, rest = second.split("## Governance", 1)
    return f"{head}### {second}### {first}## Governance{rest}"


@pytest.mark.parametrize("source", SOURCES)
def test_a_real_law_beside_itself_differs_in_nothing(source):
    text = text_of(source)
    found = diff(text, text)
    assert (found.level, found.changes, found.sections, found.governance) == ("patch", (), (), ())


@pytest.mark.parametrize("source", SOURCES)
def test_a_real_law_without_a_principle_is_major(source):
    text = text_of(source)
    law = law_of_text(text.encode())
    gone = law.articles[-1]
    at = text.index(gone.text)
    found = diff(text, text[: text.rindex("\n#", 0, at)] + text[at + len(gone.text) :])
    assert found.level == "major"
    assert gone.key in found.touched


def test_the_reworded_lines_of_a_law_cost_no_more_than_its_size():
    rule = "- Teams MUST write line {n} of the book of rules before noon of day {n}.\n"
    before = acts.law("1.0.0", ("Teams SHOULD", "".join(rule.format(n=n) for n in range(400))))
    after = before.replace(b"before noon", b"after noon")
    found = compare_law_texts(law_of_text(before), law_of_text(after))
    assert found.level == "major"
