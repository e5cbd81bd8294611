"""Which of the files that came in are definitions, and why the others are left out.

Agents lie among skills, commands, rules and documents. What a file is follows from its name,
from the innermost folder that says so, and from whether its frontmatter names an agent.
"""

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from os.path import commonprefix
from pathlib import PurePosixPath

from agents.declared import is_copilot_agent

SUFFIXES = frozenset({".md", ".markdown", ".mdx"})
_JUNK_FOLDERS = frozenset(
    [
        "__macosx",
        ".git",
        ".hg",
        ".svn",
        ".idea",
        ".vscode",
        ".venv",
        "venv",
        "node_modules",
        "__pycache__",
        ".tox",
        ".cache",
        "issue_template",
        "pull_request_template",
    ]
)
_ABOUT_FOLDER = re.compile(
    r"(readme|pull_request_template|licen[cs]e|changelog|contributing|code[_-]of[_-]conduct|notice|authors|copying)"
    r"([._-][a-z]{2}([_-]?[a-z]{2,4})?)?"
)
_ALL_CAPITALS = re.compile(r"[A-Z][A-Z0-9_-]{2,}")
_INSTRUCTIONS = frozenset({"claude", "agents", "gemini", "copilot-instructions"})
_AGENTS = frozenset(
    ["agent", "agents", "subagents", "sub-agents", "chatmode", "chatmodes", "modes", "personas"]
)
_SKILLS = frozenset({"skill", "skills"})
_COMMANDS = frozenset({"command", "commands"})
_PROMPTS = frozenset({"prompt", "prompts"})
_RULES = frozenset({"rules", "instructions", "steering"})
_DOCUMENTS = frozenset(
    [
        "adr",
        "archive",
        "assets",
        "blog",
        "cookbook",
        "doc",
        "docs",
        "documentation",
        "examples",
        "guides",
        "playbooks",
        "reference",
        "references",
        "reports",
        "research",
        "runbooks",
        "specs",
        "templates",
        "tutorials",
        "website",
        "wiki",
        "workflows",
    ]
)
_KNOWN_FOLDERS = _AGENTS | _SKILLS | _COMMANDS | _PROMPTS | _RULES | _DOCUMENTS
_KEY = re.compile(r"([ \t]*)([A-Za-z_][\w-]*)[ \t]*:")
_HEAD = 16 * 1024
_CONSTITUTION = re.compile(r"(?:^|[\W_])constitution(?:$|[\W_])")


@dataclass(frozen=True, slots=True)
class Tree:
    """What all files of a run have in common; the folders that hold a skill."""

    shared: int = 0
    skills: frozenset[str] = frozenset()


def tree_of(paths: Iterable[str]) -> Tree:
    """The folder that somebody chose says nothing about the files in it, nor one around all."""
    folders = [PurePosixPath(path).parts[:-1] for path in paths]
    skills = [PurePosixPath(path).parent for path in paths if _is_skill(PurePosixPath(path))]
    return Tree(
        shared=len(commonprefix(folders)) if folders else 0,
        skills=frozenset(folder.as_posix() for folder in skills),
    )


def _is_skill(path: PurePosixPath) -> bool:
    return path.name.lower() == "skill.md"


def why_no_definition(path: str) -> str:
    """Why a file is left out unread, from its place alone; empty where it may be a definition."""
    found = PurePosixPath(path)
    for folder in found.parts[:-1]:
        if folder.lower() in _JUNK_FOLDERS:
            return f"It lies in {folder}, which holds no definitions."
    if found.name.startswith("."):
        return "It is a hidden file."
    if found.suffix.lower() == ".mdc":
        return "It is a rule of Cursor, not an agent."
    if found.suffix.lower() not in SUFFIXES:
        return "It is no Markdown file."
    return ""


def why_no_agent(path: str, raw: bytes, tree: Tree = Tree()) -> str:
    """Why a Markdown file is left out once read; empty where it may be a definition."""
    found = PurePosixPath(path)
    if is_copilot_agent(found.name):
        return ""
    keys = _declared_keys(raw)
    return (
        _why_by_name(found, keys) or _why_by_folder(found, keys, tree) or _why_by_skill(found, tree)
    )


def _declared_keys(raw: bytes) -> frozenset[str] | None:
    """The keys of the frontmatter; ``None`` where there is none."""
    encoding = "utf-16" if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8"
    text = raw[:_HEAD].decode(encoding, "replace")
    lines = text.lstrip("\ufeff \t\r\n").splitlines()
    if not lines or lines[0].rstrip() != "---":
        return None
    body = takewhile(lambda line: line.rstrip() not in ("---", "..."), lines[1:])
    found = [match for line in body if (match := _KEY.match(line))]
    return frozenset(match[2].lower() for match in found if match[1] == found[0][1])


def _why_by_name(path: PurePosixPath, keys: frozenset[str] | None) -> str:
    name, stem = path.name.lower(), path.stem.lower()
    if _is_skill(path):
        return "It is a skill, which agents load, not an agent."
    if name.endswith(".prompt.md"):
        return "It is a prompt that people call, not an agent."
    if name.endswith(".instructions.md"):
        return "It instructs whoever works in a project, and is no agent."
    if keys and "name" in keys:
        return ""
    if _ABOUT_FOLDER.fullmatch(stem):
        return "It tells about its folder and names no agent."
    if stem in _INSTRUCTIONS:
        return "It instructs whoever works in the folder and names no agent."
    if _CONSTITUTION.search(stem) and keys is None:
        return "It looks like a constitution; bring it in on the page Constitution."
    if _ALL_CAPITALS.fullmatch(path.stem):
        return "It tells about its folder and names no agent."
    return ""


def _why_by_folder(path: PurePosixPath, keys: frozenset[str] | None, tree: Tree) -> str:
    folder = _telling_folder(path, tree)
    kind = folder.lower()
    if kind in _SKILLS:
        return f"It lies in {folder}, and a part of a skill is no agent."
    if kind in _COMMANDS and not {"name", "tools"} <= (keys or set()):
        return "It is a command that people call, not an agent."
    if keys and "name" in keys:
        return ""
    if kind in _PROMPTS:
        return "It is a prompt that people call, and names no agent."
    if kind in _RULES:
        return "It instructs whoever works in a project, and names no agent."
    if kind in _DOCUMENTS:
        return f"It lies in {folder} and names no agent."
    return ""


def _telling_folder(path: PurePosixPath, tree: Tree) -> str:
    """The innermost folder that says what lies in it, below what all files have in common."""
    for folder in reversed(path.parts[tree.shared : -1]):
        if folder.lower() in _KNOWN_FOLDERS:
            return folder
    return ""


def _why_by_skill(path: PurePosixPath, tree: Tree) -> str:
    """What lies beside or below a skill belongs to it, up to a folder of agents."""
    for folder in path.parents:
        if folder.name.lower() in _AGENTS or folder.as_posix() == ".":
            return ""
        if folder.as_posix() in tree.skills:
            return f"It belongs to the skill in {folder.name}."
    return ""
