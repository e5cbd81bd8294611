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
