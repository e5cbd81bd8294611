"""Can an escalation reach a human? Yes only where every step of the way is there."""

import pytest

from agents.family.capabilities import inherited
from agents.family.claims import gaps_of
from agents.family.members import Member, Names
from agents.family.reaching import Answer, reach_of
from agents.parsing import parse_definition
from tests.agents import acts

WHOLE = """---
name: {name}
{front}---

# Worker

## Escalation Protocol

### When to Escalate
- **Unclear requirements** for anything

### How to Escalate
1. Stop
2. {how}
   ```
   Agent: x
   Task: x
   Problem: x
   Attempted: x
   Options: x
   Impact: x
   Constitutional_Impact: x
   ```

### No Fallbacks Rule
- NEVER add external dependencies without approval
"""
STUCK = "---\nname: stuck\ntools: Bash\n---\n\n# Stuck\n\nYou file cases with `stuck ask`.\n"


def member(text, *, released=True, suspended=False):
    parsed = parse_definition(text.encode())
    return Member(parsed.name, parsed.name, parsed.as_dict(), parsed.text, released, suspended)


def worker(how="Invoke stuck agent with this context:", front="escalation: mandatory\n", **more):
    return member(WHOLE.format(name=more.pop("name", "worker"), how=how, front=front), **more)


def answer(one, *others):
    return reach_of(one, Names([one, *others]).find)


def reasons(one, *others):
    return answer(one, *others).sentence


def test_a_whole_protocol_over_a_stuck_agent_that_runs_reaches_people():
    found = answer(worker(), member(STUCK))
    assert (found.answer, found.missing) == (Answer.YES, ())
    assert "It files cases in the portal" in found.sentence


def test_without_a_stuck_agent_it_reaches_nobody():
    assert answer(worker()).answer is Answer.NO
    assert "there is none in the family or the portal" in reasons(worker())


@pytest.mark.parametrize(
    ("state", "why"),
    [({"released": False}, "released nowhere"), ({"suspended": True}, "is suspended")],
)
def test_a_stuck_agent_that_does_not_run_reaches_nobody(state, why):
    found = answer(worker(), member(STUCK, **state))
    assert found.answer is Answer.NO
    assert why in found.sentence


def test_a_stuck_agent_that_cannot_ask_reaches_nobody():
    found = answer(worker(), member(STUCK.replace("Bash", "Read")))
    assert found.answer is Answer.NO
    assert "can neither run a command nor call the portal" in found.sentence


def test_tools_that_call_no_agent_cut_the_way():
    front = "tools: Read, Grep\nescalation: mandatory\n"
    found = answer(worker(front=front), member(STUCK))
    assert found.answer is Answer.NO
    assert "its tools (Read, Grep) hold neither Task nor Agent" in found.sentence
    for tool in ("Task", "Agent(stuck)", "agent/runSubagent"):
        opened = front.replace("Grep", tool)
        assert answer(worker(front=opened), member(STUCK)).answer is Answer.YES


def test_inheriting_every_tool_but_the_one_that_calls_agents_cuts_the_way_too():
    front = "disallowedTools: Task, Agent\nescalation: mandatory\n"
    assert answer(worker(front=front), member(STUCK)).answer is Answer.NO


def test_a_circle_that_asks_no_people_reaches_nobody():
    one = worker(how="Invoke the other agent", name="one")
    other = worker(how="Invoke the one agent", name="other")
    found = answer(one, other)
    assert found.answer is Answer.NO
    assert "in a circle that asks no people" in found.sentence


def test_a_chain_of_agents_reaches_people_at_its_end():
    one = worker(how="Invoke the other agent", name="one")
    assert answer(one, worker(name="other"), member(STUCK)).answer is Answer.YES


@pytest.mark.parametrize(
    ("tools", "expected"),
    [("AskUserQuestion", Answer.YES), ("Read", Answer.UNCLEAR)],
)
def test_asking_people_takes_a_tool_that_asks(tools, expected):
    front = f"tools: {tools}\nescalation: mandatory\n"
    assert answer(worker(how="Ask the user and wait", front=front)).answer is expected


def test_a_tool_that_is_named_but_not_held_reaches_nobody():
    how, front = "Ask with AskUserQuestion", "tools: Read\nescalation: mandatory\n"
    assert answer(worker(how=how, front=front)).answer is Answer.NO


def test_an_incomplete_protocol_is_unclear_and_says_what_it_lacks():
    text = WHOLE.replace("   Impact: x\n", "").replace("- NEVER add", "- Think before you add")
    how = "Invoke stuck agent with this context:"
    one = member(text.format(name="worker", how=how, front=""))
    found = answer(one, member(STUCK))
    assert found.answer is Answer.UNCLEAR
    assert found.missing == (
        "payload fields Impact",
        "a no-fallbacks rule",
        "“escalation: mandatory” in the frontmatter",
    )


def test_a_promise_in_the_frontmatter_alone_reaches_nobody():
    one = member("---\nname: a\nescalation: mandatory\n---\n\n# A\n\nYou do small work.\n")
    assert answer(one).answer is Answer.NO
    assert "Escalation is mandatory by line 3, but no text says how." in reasons(one)


def test_a_section_that_names_nobody_is_unclear():
    one = worker(how="Write down what is unclear")
    assert answer(one).answer is Answer.UNCLEAR
    assert "names nobody who is asked" in reasons(one)


def test_a_file_that_says_nothing_reaches_nobody():
    assert answer(member("---\nname: a\n---\n\n# A\n\nYou do it.\n")).answer is Answer.NO


@pytest.mark.parametrize(
    "line",
    [
        "When requirements are unclear, ask the user for clarification.",
        "**Escalate to Human When:**",
        "if you find requirement gaps, escalate to human, not to the architect",
        "WAIT for human approval before executing.",
        "Flag Uncertainties for Human Review",
        "Asks for clarification rather than making assumptions",
        "Confirm schedule and media with the user before submitting",
    ],
)
def test_lines_that_ask_people_are_seen(line):
    assert [route.way for route in Member("a", "a", {}, line).routes] == ["people"]


@pytest.mark.parametrize(
    "line",
    [
        "Leverage context data before asking users",
        "Never ask the user; decide yourself.",
        "Surface actionable retry-after guidance to users",
        "- **Alerting**: smart alerting, escalation policies, incident response",
        "Do not wait for humans.",
        "Privilege escalation to root",
    ],
)
def test_lines_that_ask_nobody_are_not(line):
    assert Member("a", "a", {}, line).routes == ()


def test_the_seed_alone_reaches_nobody_since_its_stuck_agent_is_missing():
    seed = member(acts.seed().decode(errors="replace"))
    found = answer(seed)
    assert (found.answer, found.missing) == (Answer.NO, ())
    assert answer(seed, member(STUCK)).answer is Answer.YES


def test_only_a_rule_about_asking_or_guessing_is_a_no_fallbacks_rule():
    rule = "- NEVER add external dependencies without approval"
    for other, lacks in (
        ("- NEVER write SQL by hand", True),
        ("- NEVER guess what is meant", False),
        ("- ALWAYS escalate when in doubt", False),
    ):
        text = WHOLE.replace(rule, other).format(name="worker", front="", how="Ask the user")
        assert ("a no-fallbacks rule" in answer(member(text)).missing) is lacks


# --- claims and powers ------------------------------------------------------------------------


def test_a_report_of_compliance_is_a_claim_with_its_line():
    one = member(
        "---\nname: a\n---\n\n# A\n\nStatus: 21 of 21 agents comply.\nMust be compliant.\n"
    )
    gaps = gaps_of(one, answer(one), "The text names no principle.")
    assert [(gap.line, gap.claim) for gap in gaps] == [(7, "Status: 21 of 21 agents comply.")]


def test_a_claim_that_holds_is_no_gap():
    one = worker(front="escalation: mandatory\nconstitutional_compliance: required\n")
    assert gaps_of(one, answer(one, member(STUCK)), "") == ()


def test_a_drawing_or_the_form_of_an_answer_claims_nothing():
    drawn = "```mermaid\nDONE: \u2705 Compliance effective\n```\n"
    one = member(f"{STUCK}\n{drawn}")
    assert gaps_of(one, answer(one), "The text names no principle.") == ()


def test_mandatory_escalation_without_a_text_is_a_gap_with_the_line_that_claims_it():
    one = member("---\nname: a\nescalation: mandatory\n---\n\n# A\n\nYou do it.\n")
    (gap,) = gaps_of(one, answer(one))
    assert (gap.line, gap.claim) == (3, "escalation: mandatory")
    assert "a section about escalation" in gap.real


def test_inheriting_every_tool_is_told_in_the_words_of_its_harness():
    claude = {power.name: power.tools for power in inherited("a.md", ["bash", "WebFetch"])}
    assert "Bash" not in claude["Run commands"]
    assert claude["Reach the network"] == ("WebSearch",)
    copilot = {power.name: power.tools for power in inherited("a.agent.md")}
    assert "runCommands" in copilot["Run commands"]
