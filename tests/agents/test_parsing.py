import json
from dataclasses import fields

import pytest

from agents.contract import Modality, PeerKind, TriggerKind
from agents.parsing import parse_definition
from governance.base.findings import with_replacements
from tests.shared import SAMPLE, corpus_files, shared

PARTS = (
    "responsibilities",
    "expertise",
    "principles",
    "standards",
    "triggers",
    "escalation_steps",
    "payload_fields",
    "rules",
    "examples",
    "escalation_tools",
    "workflow",
    "coordination",
    "quality",
)
UNDAMAGED = (
    "api-architect",
    "database-architect",
    "devops-engineer",
    "frontend-engineer",
    "qa-engineer",
    "security-auditor",
    "stuck",
)
HEAD = "---\nname: a\ndescription: d\ntools: Read\n---\n"


def parse(text, **kwargs):
    return parse_definition(text.encode(), **kwargs)


def codes(parsed):
    return {finding.code for finding in parsed.findings}


@pytest.fixture(params=["sample", "seed"])
def backend(request):
    """The seed and our own reproduction of it: one contract, told in different words."""
    path = SAMPLE if request.param == "sample" else shared("seed")
    return parse_definition((path / "python-backend.md").read_bytes(), filename="python-backend.md")


def test_every_part_of_the_backend_definition_is_counted(backend):
    assert {part: len(getattr(backend, part)) for part in PARTS} == {
        "responsibilities": 7,
        "expertise": 7,
        "principles": 5,
        "standards": 7,
        "triggers": 20,
        "escalation_steps": 4,
        "payload_fields": 9,
        "rules": 9,
        "examples": 2,
        "escalation_tools": 4,
        "workflow": 7,
        "coordination": 5,
        "quality": 6,
    }


def test_triggers_are_nine_general_ten_of_the_domain_and_the_closing_paragraph(backend):
    kinds = [trigger.kind for trigger in backend.triggers]
    assert [kinds.count(kind) for kind in TriggerKind] == [9, 10, 1]
    closing = backend.triggers[kinds.index(TriggerKind.CLOSING)]
    assert closing.title.startswith("When facing")
    assert closing.text in backend.closing
    assert closing.line == 156


def test_rules_are_six_never_and_three_always(backend):
    modalities = [rule.modality for rule in backend.rules]
    assert modalities.count(Modality.NEVER) == 6
    assert modalities.count(Modality.ALWAYS) == 3
    rule = next(rule for rule in backend.rules if "external" in rule.text)
    assert rule.key == "never-add-external-dependencies-without-approval"
    assert (rule.text, rule.line) == ("NEVER add external dependencies without approval", 92)


def test_the_payload_template_has_the_seven_typed_fields_and_two_of_the_domain(backend):
    assert [field.name for field in backend.payload_fields] == [
        "Agent",
        "Task",
        "Problem",
        "Attempted",
        "Options",
        "Impact",
        "Constitutional_Impact",
        "Security_Considerations",
        "Performance_Impact",
    ]
    assert [field.line for field in backend.payload_fields] == list(range(76, 85))
    assert backend.payload_fields[0].hint == "python-backend"


def test_the_examples_keep_fields_options_and_free_lines(backend):
    first, second = backend.examples
    assert list(first.fields) == [
        "Task",
        "Problem",
        "Options",
        "Constitutional_Impact",
        "Performance_Impact",
    ]
    assert (len(first.options), len(second.options)) == (3, 4)
    assert all(option.label and option.description for option in first.options)
    assert (len(first.notes), first.line, second.line) == (1, 101, 114)


def test_four_edges_lead_to_agents_and_one_to_people(backend):
    assert [(edge.peer, edge.peer_kind) for edge in backend.coordination] == [
        ("api-architect", PeerKind.AGENT),
        ("database-architect", PeerKind.AGENT),
        ("qa-engineer", PeerKind.AGENT),
        ("security-auditor", PeerKind.AGENT),
        ("frontend teams", PeerKind.PEOPLE),
    ]


def test_two_hundred_milliseconds_are_a_number(backend):
    measured = [bar for bar in backend.quality if bar.comparator]
    assert [(bar.comparator, bar.value, bar.unit, bar.line) for bar in measured] == [
        ("<", 200, "ms", 150)
    ]


def test_the_steps_keep_numbers_and_titles(backend):
    assert [step.number for step in backend.workflow] == list(range(1, 8))
    assert [step.number for step in backend.escalation_steps] == [1, 2, 3, 4]
    assert all(step.title and step.text for step in backend.workflow)


def test_principles_have_the_keys_that_a_constitution_gives_them(backend):
    assert [claim.key for claim in backend.principles] == [
        "test-first",
        "security-by-design",
        "performance",
        "simplicity",
        "documentation",
    ]


def test_the_backend_declares_itself_and_inherits_every_tool(backend):
    assert (backend.name, backend.type) == ("python-backend", "backend_specialist")
    assert (backend.escalation, backend.constitutional_compliance) == ("mandatory", "required")
    assert backend.tools is None
    assert {"NO_DESCRIPTION", "INHERITS_ALL_TOOLS", "ENCODING_REPAIRED"} <= codes(backend)
    assert backend.repaired
    assert "🚨" in backend.text


def test_every_line_number_points_at_its_text(backend):
    lines = backend.text.split("\n")
    for rule in backend.rules:
        assert rule.text.split(" ", 1)[1] in lines[rule.line - 1]
    for trigger in backend.triggers:
        assert trigger.title in lines[trigger.line - 1]


@pytest.mark.parametrize(
    "path", [SAMPLE / f"{name}.md" for name in UNDAMAGED], ids=lambda path: path.stem
)
def test_the_sample_family_is_complete(path):
    agent = parse_definition(path.read_bytes(), filename=path.name)
    assert codes(agent) <= {"RULE_WITHOUT_TRIGGER", "DIALECT_CLAUDE"}
    assert agent.name == path.stem
    assert agent.tools
    for part in ("principles", "rules", "workflow", "coordination", "quality", "payload_fields"):
        assert getattr(agent, part), part
    assert any(trigger.kind is TriggerKind.CLOSING for trigger in agent.triggers)
    assert any(edge.peer_kind is PeerKind.PEOPLE for edge in agent.coordination)


def test_the_edges_of_the_sample_family_lead_to_its_agents():
    agents = [parse_definition(path.read_bytes()) for path in SAMPLE.glob("*.md")]
    names = {agent.name for agent in agents if agent.name}
    peers = {
        edge.peer
        for agent in agents
        for edge in agent.coordination
        if edge.peer_kind is PeerKind.AGENT
    }
    assert len(names) == 8
    assert peers <= names


def test_keys_stay_when_items_move_and_numbers_change():
    bars = "## Quality Standards\n- p95 < {}ms\n"
    before = parse(f"{HEAD}## Rules\n- **NEVER** drop a table\n- Always ask\n{bars.format(200)}")
    after = parse(f"{HEAD}# T\n{bars.format(100)}## Rules\n- ALWAYS ask\n- Never drop the table")
    for part in ("rules", "quality"):
        assert {item.key for item in getattr(before, part)} == {
            item.key for item in getattr(after, part)
        }


@pytest.mark.parametrize(
    ("line", "modality", "text"),
    [
        ("- **NEVER** deploy", Modality.NEVER, "NEVER deploy"),
        ("- ❌ **Never**: deploy", Modality.NEVER, "NEVER deploy"),
        ("* ALWAYS ask", Modality.ALWAYS, "ALWAYS ask"),
        ("1. MUST NOT guess", Modality.MUST_NOT, "MUST NOT guess"),
        ("- **DO NOT:** guess", Modality.MUST_NOT, "DO NOT guess"),
        ("- Don't guess", Modality.MUST_NOT, "DON'T guess"),
        ("- MUST NEVER guess", Modality.NEVER, "MUST NEVER guess"),
        ("- Must log", Modality.MUST, "MUST log"),
        ("NEVER touch main.", Modality.NEVER, "NEVER touch main."),
        ("Read. You MUST ask first. Then go.", Modality.MUST, "You MUST ask first."),
        ("You must never:\n- deploy", Modality.NEVER, "MUST NEVER deploy"),
        ("**NEVER:**\n- deploy", Modality.NEVER, "NEVER deploy"),
        ("## Never\n- deploy", Modality.NEVER, "NEVER deploy"),
        ("> - NEVER deploy", Modality.NEVER, "NEVER deploy"),
        ("```\n- NEVER deploy", Modality.NEVER, "NEVER deploy"),
    ],
)
def test_rules_are_found_wherever_they_stand(line, modality, text):
    assert [(rule.modality, rule.text) for rule in parse(f"{HEAD}\n{line}\n").rules] == [
        (modality, text)
    ]


@pytest.mark.parametrize(
    "line",
    [
        "- Never-ending loops",
        "- must-have features",
        "```\n- NEVER x\n```",
        "All endpoints must have tests.",
        "Always nice weather.",
        "Say `NEVER` to nobody.",
        "- **NEVER**",
    ],
)
def test_what_only_looks_like_a_rule_is_none(line):
    assert parse(f"{HEAD}\n{line}\n").rules == ()


@pytest.mark.parametrize(
    ("written", "tools"),
    [
        ("Read, Bash(git log:*, git show:*)", ("Read", "Bash(git log:*, git show:*)")),
        ("[Read, 'edit/editFiles']", ("Read", "edit/editFiles")),
        ("\n  - Read\n  - Bash", ("Read", "Bash")),
        ("\n  read: true\n  bash: false", ("read",)),
        ("\n  - bash: {allow: git}", ("bash",)),
        ("Read, Read", ("Read",)),
        ("[]", ()),
        ("'*'", None),
        ("", None),
        ("true", None),
    ],
)
def test_tools_in_any_form_are_a_list_or_every_tool(written, tools):
    parsed = parse(f"---\nname: a\ntools: {written}\n---\nx")
    assert parsed.tools == tools
    assert ("INHERITS_ALL_TOOLS" in codes(parsed)) == (tools is None)


def test_tools_as_a_map_are_a_finding():
    assert "TOOLS_FORM" in codes(parse("---\nname: a\ntools: {read: true}\n---\nx"))


def test_both_spellings_of_harness_keys_are_read():
    parsed = parse("---\nname: a\ndisallowedTools: Bash, Edit\npermission-mode: plan\n---\nx")
    assert parsed.disallowed_tools == ("Bash", "Edit")
    assert parsed.permission_mode == "plan"


def test_a_name_that_yaml_reads_as_a_number_stays_a_name():
    text = "---\nname: 3000\nversion: 1.10\ndescription: d\ntools: Read\n---\nx"
    parsed = parse(text)
    assert (parsed.name, parsed.version) == ("3000", "1.10")
    assert "NAME_NOT_TEXT" in codes(parsed)
    assert "NAME_NOT_TEXT" not in codes(parse(with_replacements(text, parsed.findings)))


@pytest.mark.parametrize(
    ("filename", "differs"),
    [("a.md", False), ("x/a.agent.md", False), ("README.md", False), ("", False), ("b.md", True)],
)
def test_a_name_other_than_the_file_name_is_a_finding(filename, differs):
    parsed = parse(f"{HEAD}x", filename=filename)
    assert ("NAME_DIFFERS_FROM_FILE" in codes(parsed)) == differs


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("# no frontmatter", "FRONTMATTER_MISSING"),
        ("# no frontmatter", "NO_NAME"),
        (HEAD, "EMPTY_BODY"),
        (f"{HEAD}```\nx", "UNCLOSED_FENCE"),
        (f"{HEAD}x", "NO_ESCALATION"),
        ("---\nname: a\nescalation: mandatory\n---\nx", "ESCALATION_NOT_DESCRIBED"),
        ("---\nname: a\nconstitutional_compliance: required\n---\nx", "COMPLIANCE_NOT_DESCRIBED"),
        ("---\nname: My Agent\n---\nx", "NAME_NOT_PLAIN"),
        ("---\nname: a\ndescription: 'one\\n two'\n---\nx", "LITERAL_LINE_BREAK"),
        (f"{HEAD}## When to Escalate\n- Costs\n\n- NEVER deploy without approval",
         "RULE_WITHOUT_TRIGGER"),
        (f"{HEAD}x\u202ey", "BIDI_CHARACTER"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_a_finding(text, code):
    assert code in codes(parse(text))


def test_a_rule_that_a_trigger_mentions_is_no_finding():
    text = f"{HEAD}## When to Escalate\n- Deployments\n\n- NEVER deploy without approval"
    assert "RULE_WITHOUT_TRIGGER" not in codes(parse(text))


def test_lines_count_in_the_whole_file_whatever_its_line_ends():
    text = "---\r\nname: a\r\n---\r\n\r\n## Rules\r\n- NEVER x\r\n"
    assert parse(text).rules[0].line == 6


@pytest.mark.parametrize(
    ("line", "peer", "kind"),
    [
        ("**With db-admin**: x", "db-admin", PeerKind.AGENT),
        ("Collaborate with qa-expert on tests", "qa-expert", PeerKind.AGENT),
        ("`code-reviewer`: review", "code-reviewer", PeerKind.AGENT),
        ("**With Release Manager agent**: x", "Release Manager agent", PeerKind.PEOPLE),
        ("**With the Deployer agent**: x", "deployer", PeerKind.AGENT),
        ("With product owners: x", "product owners", PeerKind.PEOPLE),
        ("**With sales-teams**: x", "sales-teams", PeerKind.PEOPLE),
        ("Guide support teams on answers", "support teams", PeerKind.PEOPLE),
    ],
)
def test_edges_name_their_peer(line, peer, kind):
    (edge,) = parse(f"{HEAD}## Integration with other agents\n- {line}").coordination
    assert (edge.peer, edge.peer_kind) == (peer, kind)


def test_one_line_may_lead_to_two_agents():
    text = f"{HEAD}## Coordination\n- **With qa-engineer and api-architect**: x"
    assert [edge.peer for edge in parse(text).coordination] == ["qa-engineer", "api-architect"]


@pytest.mark.parametrize(
    ("text", "measure"),
    [
        ("under 200ms", ("<", 200, "ms")),
        ("at least 80% coverage", (">=", 80, "%")),
        ("within 1.5 seconds", ("<=", 1.5, "seconds")),
        ("must not exceed 1,000 ms", ("<=", 1000, "ms")),
        ("No answer of more than 500 KB", ("<=", 500, "KB")),
        ("99.9% or higher", (">=", 99.9, "%")),
        ("backups every 24 hours", ("<=", 24, "hours")),
        ("100% of keys", ("=", 100, "%")),
        ("PEP 8 and HTTP 200", ("", None, "")),
    ],
)
def test_bars_hold_comparator_number_and_unit(text, measure):
    (bar,) = parse(f"{HEAD}## Quality Standards\n- {text}").quality
    assert (bar.comparator, bar.value, bar.unit) == measure


def test_the_contract_is_json():
    parsed = parse_definition((SAMPLE / "python-backend.md").read_bytes())
    whole = json.loads(json.dumps(parsed.as_dict(), allow_nan=False))
    assert set(whole) == {field.name for field in fields(parsed)} - {"text"}
    assert whole["rules"][0]["modality"] == "NEVER"
    assert whole["findings"][0]["key"]


@pytest.mark.parametrize(
    "raw", [b"", b"\0", b"\xff\xfe", b"---", b"---\n---", bytes(range(256)), b"```\n" * 99]
)
def test_odd_bytes_never_raise(raw):
    assert parse_definition(raw).findings


def test_hostile_text_takes_no_quadratic_time():
    for piece in ("```a\n", "` ", "<!--", "- NEVER a\n", "**", "under 5 ", "a-", "[", "\n# ", "> "):
        assert parse_definition((HEAD + piece * (200_000 // len(piece))).encode()).name == "a"


@pytest.mark.parametrize("name", ["corpus", "corpus-history"])
def test_every_real_file_is_read_and_its_keys_are_unique(name):
    paths = [path for path in shared(name).rglob("*.md") if path.is_file()]
    assert len(paths) > 500
    for path in paths:
        parsed = parse_definition(path.read_bytes(), filename=path.name)
        json.dumps(parsed.as_dict(), allow_nan=False)
        for part in PARTS:
            keys = [item.key for item in getattr(parsed, part)]
            assert len(keys) == len(set(keys)), (path, part)


def test_most_real_agents_declare_a_name_and_a_description():
    agents = [parse_definition(path.read_bytes()) for path in corpus_files("agent")]
    assert sum(bool(agent.name and agent.description) for agent in agents) > 0.95 * len(agents)
