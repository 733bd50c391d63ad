"""List text that breaks docs/writing.md: docstrings, function names, help, errors and documentation sentences.

    python tools/check_writing.py [PATH ...]      default: src, README.md and docs

Prints one finding per line as FILE:LINE KIND TEXT, then the shares that tests/test_writing.py holds to bounds.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
OPENINGS = ("What", "Whether", "Who", "Whose", "How", "Where", "Which", "When")
CONSTRUCTIONS = re.compile(
    r"""\b(?:
        nobody | whose | whoever | anew | hinders? | lately | as\ far\ as | is\ none | lets?\ go | in\ the\ place\ of
        | so\ many
        | stands?\ (?:in|at|for|there|on|beside|behind)
        | where\ (?:it|there|that|nobody|nothing)\b(?:\s+\w+){0,3}?\s+(?:is|are|was|has|may|can)
        | (?<!\?\ )what\ (?:is|was|were|has|comes|holds|stands)
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
PARTICIPLES = frozenset(
    [
        "said",
        "told",
        "made",
        "found",
        "kept",
        "meant",
        "asked",
        "held",
        "heard",
        "taken",
        "given",
        "known",
        "shown",
        "drawn",
        "written",
        "gone",
        "sent",
        "seen",
        "done",
        "left",
        "lost",
        "sold",
        "bought",
        "brought",
        "caught",
        "thought",
        "understood",
        "begun",
        "chosen",
        "broken",
        "spoken",
        "worn",
        "torn",
        "hidden",
    ]
)
NOT_PARTICIPLES = frozenset(
    [
        "feed",
        "need",
        "embed",
        "seed",
        "speed",
        "shed",
        "wed",
        "bed",
        "red",
        "bleed",
        "breed",
        "exceed",
        "proceed",
        "succeed",
        "speeded",
    ]
)
IGNORED_FOLDERS = {"vendor", "node_modules"}


class Finding(NamedTuple):
    path: str
    line: int
    kind: str  # opening, construction, participle
    text: str


class Measured(NamedTuple):
    """Counts over a set of files, and the findings behind them."""

    docstrings: int
    functions: int
    sentences: int
    public: int
    documented: int
    findings: tuple[Finding, ...]

    def share(self, kind: str, where: tuple[str, ...] = ()) -> float:
        found = sum(one.kind == kind for one in self.findings)
        total = {"opening": self.docstrings, "participle": self.functions}.get(kind, self.sentences)
        return found / total if total else 0.0


def first_paragraph(docstring: str) -> str:
    return re.split(r"\n\s*\n", docstring.strip(), maxsplit=1)[0]


def is_participle(name: str) -> bool:
    """A function name that is one bare past participle; private names count too."""
    word = name.strip("_")
    if word in PARTICIPLES:
        return True
    return "_" not in word and len(word) > 4 and word.endswith("ed") and word not in NOT_PARTICIPLES


def literal(node: ast.expr | None) -> str | None:
    """The text of a string or f-string; placeholders become X."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else "X" for part in node.values]
        return "".join(str(part) for part in parts)
    return None


def spoken(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Help texts of arguments and commands, and the messages and hints of exceptions."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        texts: list[ast.expr] = []
        if name in ("add_argument", "add_parser"):
            texts = [one.value for one in node.keywords if one.arg in ("help", "description", "epilog")]
        elif name == "Command":
            texts = list(node.args[1:2])
        elif name.endswith(("Error", "NotFound", "Damaged", "Busy", "Refused", "Missing")):
            texts = [*node.args, *(one.value for one in node.keywords)]
        for one in texts:
            if text := literal(one):
                yield node.lineno, text


def source_file(path: Path, name: str) -> Measured:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = functions = sentences = public = documented = 0
    findings: list[Finding] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        line = getattr(node, "lineno", 1)
        docstring = ast.get_docstring(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions += 1
            if is_participle(node.name):
                findings.append(Finding(name, line, "participle", node.name))
        label = getattr(node, "name", "")
        if not label.startswith("_"):
            public += 1
            documented += docstring is not None
        if docstring is None:
            continue
        docstrings += 1
        sentences += 1
        first = first_paragraph(docstring)
        if first.split(maxsplit=1)[0].rstrip(",:;") in OPENINGS:
            findings.append(Finding(name, line, "opening", first[:120]))
        if found := CONSTRUCTIONS.search(first):
            findings.append(Finding(name, line, "construction", f"[{found.group()}] {first[:160]}"))
    for line, text in spoken(tree):
        sentences += 1
        if found := CONSTRUCTIONS.search(text):
            findings.append(Finding(name, line, "construction", f"[{found.group()}] {text[:160]}"))
    return Measured(docstrings, functions, sentences, public, documented, tuple(findings))


def prose(text: str) -> Iterator[tuple[int, str]]:
    """Sentences of a Markdown text outside code blocks, tables and headings, with their lines."""
    paragraph: list[str] = []
    start, in_code = 1, False
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.lstrip().startswith("```"):
            in_code = not in_code
        plain = "" if in_code or line.lstrip().startswith(("|", "#", "```", "<", "![")) else line.strip()
        if plain and not plain.startswith(("- ", "* ", "1. ")):
            start = start if paragraph else number
            paragraph.append(plain)
            continue
        joined = " ".join(paragraph)
        yield from ((start, one) for one in re.split(r"(?<=[.!?:])\s+(?=[A-Z`*\"])", joined) if one.strip())
        paragraph, start = ([plain], number) if plain else ([], number)


def document(path: Path, name: str) -> Measured:
    sentences, findings = 0, []
    for line, sentence in prose(path.read_text(encoding="utf-8")):
        sentences += 1
        plain = re.sub(r"`[^`]*`", "X", sentence)
        if found := CONSTRUCTIONS.search(plain):
            findings.append(Finding(name, line, "construction", f"[{found.group()}] {sentence[:160]}"))
    return Measured(0, 0, sentences, 0, 0, tuple(findings))


def measure(paths: list[Path]) -> Measured:
    files = [file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    parts = []
    for file in files:
        if IGNORED_FOLDERS & set(file.parts) or not file.is_file():
            continue
        name = str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else str(file)
        if file.suffix == ".py":
            parts.append(source_file(file, name))
        elif file.suffix == ".md":
            parts.append(document(file, name))
    sums = [sum(column) for column in zip(*(part[:5] for part in parts), strict=True)] if parts else [0] * 5
    return Measured(*sums, tuple(one for part in parts for one in part.findings))


def main(arguments: list[str]) -> int:
    found = measure([Path(one).resolve() for one in arguments] or [ROOT / "src", ROOT / "README.md", ROOT / "docs"])
    for one in found.findings:
        print(f"{one.path}:{one.line}\t{one.kind}\t{one.text}".replace("\n", " "))
    print(
        f"openings {found.share('opening'):.1%} of {found.docstrings} docstrings; constructions"
        f" {found.share('construction'):.1%} of {found.sentences} texts; participles {found.share('participle'):.1%} of"
        f" {found.functions} functions; {found.documented} of {found.public} public names have a docstring"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
