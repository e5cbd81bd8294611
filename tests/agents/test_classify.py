"""The classifier against real history: every transition, and a sample that was judged by hand."""

import csv
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

from agents.changes import ChangeClass, Diff
from agents.classify import Classification, classify
from agents.diffing.semantic import semantic_diff
from agents.parsing import parse_definition
from tests.shared import ROOT, shared

JUDGED = Path(__file__).parent / "judged.tsv"
PUBLISHED = ROOT / "docs" / "classifier.md"
CLASSES = ("cosmetic", "wording", "behaviour", "privilege")
Transition = tuple[str, str, str, str]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table, delimiter="\t"))


@cache
def history() -> dict[Transition, tuple[Diff, Classification]]:
    """Every two versions that follow each other, with what changed between them."""
    folder = shared("corpus-history")
    versions = defaultdict(list)
    for row in rows(folder / "INDEX.tsv"):
        versions[row["repo"], row["head_path"]].append(row)
    found = {}
    for (repo, path), listed in versions.items():
        listed.sort(key=lambda row: int(row["n"]))
        read = [
            parse_definition((folder / row["file"]).read_bytes(), filename=row["path"])
            for row in listed
        ]
        for at in range(1, len(listed)):
            diff = semantic_diff(read[at - 1], read[at])
            key = (repo, path, listed[at - 1]["n"], listed[at]["n"])
            found[key] = (diff, classify(diff))
    return found


def test_every_transition_of_the_history_is_classified():
    found = history()
    assert len(found) == 431
    assert all(kind.change_class in CLASSES and kind.reasons for _, kind in found.values())


def test_every_change_of_the_history_is_told_in_a_sentence():
    changes = [change for diff, _ in history().values() for change in diff.changes]
    assert len(changes) > 800
    assert all(change.sentence.endswith((".", "”")) and change.key for change in changes)


def test_the_diff_is_the_same_each_time():
    folder = shared("corpus-history")
    one, other = (
        [parse_definition((folder / row["file"]).read_bytes()) for row in listed]
        for listed in (rows(folder / "INDEX.tsv")[:9],) * 2
    )
    first = [semantic_diff(a, b) for a, b in zip(one, one[1:], strict=False)]
    assert first == [semantic_diff(a, b) for a, b in zip(other, other[1:], strict=False)]


def confusion() -> Counter[tuple[str, str]]:
    """How often what was judged one class was computed to be another."""
    found = history()
    return Counter(
        (row["class"], str(found[row["repo"], row["path"], row["from"], row["to"]][1].change_class))
        for row in rows(JUDGED)
    )


def test_the_sample_is_large_and_holds_every_class():
    judged = Counter(row["class"] for row in rows(JUDGED))
    assert judged.total() >= 60
    assert set(judged) == set(CLASSES)


def test_the_classifier_agrees_with_the_judgement_but_for_what_is_published():
    found = confusion()
    expected = Counter(
        {
            ("cosmetic", "cosmetic"): 11,
            ("cosmetic", "wording"): 2,
            ("wording", "wording"): 3,
            ("behaviour", "wording"): 4,
            ("behaviour", "behaviour"): 58,
            ("privilege", "privilege"): 8,
        }
    )
    assert found == expected


def test_nothing_that_was_judged_privilege_is_computed_less_and_nothing_else_more():
    for judged, computed in confusion():
        assert (judged == "privilege") == (computed == "privilege")


def test_the_published_confusion_is_the_one_computed():
    found = confusion()
    text = PUBLISHED.read_text(encoding="utf-8")
    for judged in CLASSES:
        cells = " | ".join(str(found[judged, computed]) for computed in CLASSES)
        assert f"| {judged} | {cells} |" in text


def test_the_published_votes_are_those_of_the_default_policy():
    classes = Counter(str(kind.change_class) for _, kind in history().values())
    votes = classes.total() + classes[ChangeClass.PRIVILEGE]
    text = PUBLISHED.read_text(encoding="utf-8")
    for name in CLASSES:
        assert f"| {name} | {classes[name]} |" in text
    assert f"{votes} votes" in text
    assert f"**{votes * 100 / classes.total():.0f} votes for 100 changes**" in text
