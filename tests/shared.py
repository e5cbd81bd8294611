"""Real files beside the checkout, for tests that come on top of the project's own samples."""

import csv
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "agents" / "sample"


def shared(name: str) -> Path:
    """A shared file or folder; the test is skipped where it is absent."""
    path = ROOT / os.environ.get("PORTAL_SHARED", "../shared") / name
    if not path.exists():
        pytest.skip(f"no {name} here: set PORTAL_SHARED to the folder with shared data")
    return path


def corpus_files(kind: str) -> list[Path]:
    """The files of the corpus of one kind: agent, constitution, readme ..."""
    corpus = shared("corpus")
    with (corpus / "SOURCES.tsv").open(encoding="utf-8", newline="") as sources:
        rows = [row for row in csv.DictReader(sources, delimiter="\t") if row["kind"] == kind]
    return [corpus / row["repo"].replace("/", "__") / row["path"] for row in rows]
