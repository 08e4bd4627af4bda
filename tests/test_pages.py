"""The pages for those who carry the project on name only what is there: files, commands, names in the code."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("ARCHITECTURE.md", "CONTRIBUTING.md", "notebooks/README.md")
SOURCES = ("src", "tests", "scripts", "conf/base")
SUFFIXES = (".py", ".md", ".yml", ".yaml", ".toml", ".ipynb", ".txt")
DRAWN = re.compile(r"<!-- ([\w ]+): written by .*?<!-- end of \1 -->", re.DOTALL)  # a test of its own holds it
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


@cache
def words():
    """Every name in the code and the configuration."""
    files = [path for part in SOURCES for path in (ROOT / part).rglob("*") if path.suffix in (".py", ".yml")]
    texts = [path.read_text("utf-8") for path in files if path.name not in ("test_pages.py", "catalog.yml")]
    return frozenset(re.findall(r"\w+", "\n".join([*texts, (ROOT / "pyproject.toml").read_text("utf-8")])))


@cache
def targets():
    return frozenset(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def wrong_command(line):
    """What a command names that is not there."""
    tool, *arguments = line.split("#")[0].split()
    if tool == "make":
        missing = [name for name in arguments if "=" not in name and name not in targets()]
    elif tool == "python" and arguments[1].startswith("scripts."):
        missing = [arguments[1]] if not (ROOT / f"{arguments[1].replace('.', '/')}.py").is_file() else []
        missing += [path for path in arguments[2:] if wrong_path(path)]
    elif tool == "python" and arguments[1] == "pytest":
        marks = re.findall(r"\bnot (\w+)", line)
        missing = [path for path in arguments[2:] if path.startswith("tests") and wrong_path(path)]
        missing += [mark for mark in marks if f'"{mark}: ' not in (ROOT / "pyproject.toml").read_text("utf-8")]
    elif tool == "kedro":
        named = arguments[arguments.index("--env") + 1] if "--env" in arguments else "base"
        missing = [] if (ROOT / "conf" / named).is_dir() else [named]
    else:
        missing = [] if tool in ("pre-commit", "pip", ".") else [tool]
    return missing


def wrong_path(name):
    """Whether no such file or folder is there; of a name with a placeholder, what stands before it."""
    if "<" in name:
        return not (ROOT / name.partition("<")[0]).is_dir()
    if "*" in name:
        return not any(ROOT.glob(name))
    if "/" in name:
        return not (ROOT / name).exists()
    return not any(True for part in (".", *SOURCES) for _ in (ROOT / part).glob(name if part == "." else f"**/{name}"))


def wrong(span):
    """What is not there of what one piece of code in a sentence names."""
    if (ROOT / span).exists() or f"{span}/" in (ROOT / ".gitignore").read_text("utf-8").splitlines():
        return []
    if re.fullmatch(r"[\w<>*/.-]+", span) and ("/" in span or span.endswith(SUFFIXES)):
        return [span] if wrong_path(span) else []
    if re.fullmatch(r"[\w.]+(=\w+)?(\(\))?", span):
        parts = re.split(r"\W+", span.partition("=")[0].removesuffix("()"))
        return [part for part in parts if part and part not in words()]
    return wrong_command(span)


def named(page):
    """Pieces of code and commands of a page as far as it is written by hand, and all its links."""
    prose = FENCE.sub("", DRAWN.sub("", page))
    blocks = [text for language, text in FENCE.findall(page) if language == "bash"]
    commands = [line for text in blocks for line in text.splitlines() if line.strip()]
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", page) if not link.startswith("http")]
    return [*re.findall(r"`([^`\n]+)`", prose), *commands], links


@pytest.mark.parametrize("name", PAGES)
def test_whatever_a_page_names_is_there(name):
    spans, links = named((ROOT / name).read_text("utf-8"))
    assert len(spans) > 3 and links
    assert {span: missing for span in spans if (missing := wrong(span))} == {}
    assert [link for link in links if not ((ROOT / name).parent / link).exists()] == []


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_the_readme_leads_to_it(name):
    assert f"]({name})" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    "span",
    [
        "src/lowland/belfry.py",
        "src/lowland/belfry/<name>.py",
        "src/lowland/*/belfry.py",
        "belfry.py",
        "BelfryOptions.kinds",
        "belfry=True",
        "make belfry",
        "python -m scripts.belfry",
        "python -m pytest tests/belfry -n 0",
        'python -m pytest -m "not belfry"',
        "kedro run --env belfry",
        "belfry --now",
    ],
)
def test_what_is_not_there_is_noticed(span):
    assert wrong(span)
