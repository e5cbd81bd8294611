from pathlib import Path

from governance.base.management.commands.print_states import document

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_drawn_states_are_the_ones_in_the_code():
    assert (DOCS / "states.md").read_text() == document(), (
        "make it anew: python3 dev.py manage print_states > docs/states.md"
    )


def test_every_machine_of_the_portal_is_drawn():
    drawn = document()
    assert "open --> decided" in drawn
    assert "in_review --> approved" in drawn
    assert "sending --> accepted" in drawn
