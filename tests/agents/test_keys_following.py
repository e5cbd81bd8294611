"""Keys that follow: what is the same part in other words keeps its key."""

from agents.keys_following import follow
from agents.models import Rule
from agents.parsing import parse_definition
from tests.agents import acts

HEAD = "---\nname: worker\n---\n\n# Worker\n\n"
RULES = "## Rules\n- NEVER add external dependencies without approval\n- ALWAYS write tests first\n"


def read(body):
    return parse_definition((HEAD + body).encode(), filename="worker.md")


def keys_after(old, *versions):
    """The keys of the rules after each version took over those of the one before."""
    before = read(old)
    for text in versions:
        before = follow(read(text), before.as_dict())
    return [rule.key for rule in before.rules]


def test_a_reworded_rule_keeps_its_key():
    reworded = RULES.replace("external dependencies", "any external dependency or dependencies")
    assert keys_after(RULES, reworded) == keys_after(RULES)


def test_a_rule_keeps_its_first_key_over_many_small_steps():
    steps = [
        RULES.replace("approval", "written approval"),
        RULES.replace("without approval", "or tools without written approval"),
        RULES.replace("add external", "add or update external").replace(
            "without approval", "or tools without written approval"
        ),
    ]
    assert keys_after(RULES, *steps) == keys_after(RULES)


def test_another_rule_gets_a_key_of_its_own():
    other = RULES + "- NEVER deploy on a Friday\n"
    assert keys_after(RULES, other)[:2] == keys_after(RULES)
    assert "friday" in keys_after(RULES, other)[2]


def test_the_opposite_of_a_rule_is_another_rule():
    opposite = RULES.replace("NEVER add", "ALWAYS add")
    assert keys_after(RULES, opposite)[0] != keys_after(RULES)[0]


def test_keys_stay_unique_where_the_first_wording_comes_back_beside_the_second():
    second = RULES.replace("approval", "written approval")
    both = second + "- NEVER add external dependencies without approval\n"
    keys = keys_after(RULES, second, both)
    assert keys[:2] == keys_after(RULES)
    assert len(set(keys)) == 3


def test_a_moved_trigger_step_and_bar_keep_their_keys():
    body = (
        "## Escalation Protocol\n\n### When to Escalate\n"
        "- **Database design conflicts** with the provided schema\n\n"
        "## Implementation Workflow\n1. **Write tests first**: create failing tests for it\n\n"
        "## Quality Standards\n- Response times under 200ms for standard operations\n"
    )
    moved = (
        body.replace("conflicts** with the", "conflicts** with any")
        .replace("create failing tests", "create three failing tests")
        .replace("for standard operations", "for all standard operations")
    )
    old = read(body)
    new = follow(read(moved), old.as_dict())
    for part in ("triggers", "workflow", "quality"):
        assert [one.key for one in getattr(new, part)] == [one.key for one in getattr(old, part)]
        assert getattr(new, part) != getattr(old, part)


def test_a_claimed_principle_keeps_the_key_that_the_constitution_gives_it():
    old = read("## Constitutional Integration\n- **Security by Design**: be careful\n")
    new = read("## Constitutional Integration\n- **Security by Default**: be careful\n")
    assert follow(new, old.as_dict()).principles == new.principles


def test_versions_that_come_in_keep_the_keys_of_the_version_before(db):
    first = acts.bring_in()
    reworded = acts.definition().replace(b"without approval", b"without written approval")
    second = acts.bring_in(raw=reworded)
    keys = [list(Rule.objects.filter(version=v).values_list("key")) for v in (first, second)]
    assert keys[0] == keys[1]
    assert [r["key"] for r in second.contract["rules"]] == [key for (key,) in keys[1]]
