"""Which of the files that came in are definitions, and why the others are left out."""

import re
from pathlib import PurePosixPath

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
    ]
)
_ABOUT_FOLDER = frozenset(
    [
        "readme",
        "license",
        "licence",
        "changelog",
        "contributing",
        "code_of_conduct",
        "notice",
        "authors",
        "copying",
    ]
)
_INSTRUCTIONS = frozenset({"claude", "agents", "gemini", "copilot-instructions"})
_NAMED = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*---[ \t]*\r?\n(?:.*\r?\n){0,60}?[ \t]*name[ \t]*:")
_FRONTMATTER = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*---[ \t]*\r?\n")
_CONSTITUTION = re.compile(r"(?:^|[\W_])constitution(?:$|[\W_])")


def why_no_definition(path: str) -> str:
    """Why a file is left out unread, from its place alone; empty where it may be a definition."""
    found = PurePosixPath(path)
    for folder in found.parts[:-1]:
        if folder.lower() in _JUNK_FOLDERS:
            return f"It lies in {folder}, which holds no definitions."
    if found.name.startswith("."):
        return "It is a hidden file."
    if found.suffix.lower() not in SUFFIXES:
        return "It is no Markdown file."
    return ""


def why_no_agent(path: str, raw: bytes) -> str:
    """Why a Markdown file is left out once read: it tells about a folder, or is a constitution.

    A file that names an agent in its frontmatter is a definition, whatever it is called.
    """
    stem = PurePosixPath(path).stem.lower()
    if _NAMED.match(raw):
        return ""
    if stem in _ABOUT_FOLDER:
        return "It tells about its folder and names no agent."
    if stem in _INSTRUCTIONS:
        return "It instructs whoever works in the folder and names no agent."
    if _CONSTITUTION.search(stem) and not _FRONTMATTER.match(raw):
        return "It looks like a constitution; bring it in on the page Constitution."
    return ""
