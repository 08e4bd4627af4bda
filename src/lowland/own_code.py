"""Code of a user's own: objects in a package of theirs, named by dotted path (``their_package.module:Name``)."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from lowland.errors import LowlandError, did_you_mean

FORM = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
SOURCES = Path(__file__).resolve().parents[1]
"""The folder that holds this package, and a user's beside it."""


NETWORK = "custom"
"""Kind of the networks that a user's own function builds."""


class OwnCodeError(LowlandError):
    """A user's code is not there, or fails where it is used."""


def is_dotted(name: str) -> bool:
    """Whether a name says where an object lies, rather than one of the project's own words."""
    return ":" in name


def own_object(path: str) -> Any:
    """The object behind a dotted path.

    Args:
        path: ``package.module:Name``.

    Raises:
        OwnCodeError: One line: another form, a package or module that is missing or fails, or no such name in it.
    """
    if not FORM.fullmatch(path):
        raise OwnCodeError(
            f"{path!r} is no dotted path; expected package.module:Name, such as their_package.nets:build"
        )
    module, _, name = path.partition(":")
    try:
        imported = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise OwnCodeError(f"{module} cannot be imported: {said(error)}") from error
        raise OwnCodeError(_missing(module, error.name)) from error
    except Exception as error:
        raise OwnCodeError(f"{module} cannot be imported: {said(error)}") from error
    if not hasattr(imported, name):
        public = [each for each in vars(imported) if not each.startswith("_")]
        raise OwnCodeError(f"{module} has no {name}{did_you_mean(name, public)}; expected it in {imported.__file__}")
    return getattr(imported, name)


def path_of(thing: Any) -> str:
    """The dotted path of a function or class.

    Args:
        thing: At the top of a module.

    Raises:
        OwnCodeError: It has no name there, so that no other process could find it.
    """
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if module is None or name is None or module == "__main__" or not FORM.fullmatch(f"{module}:{name}"):
        raise OwnCodeError(
            f"{thing!r} cannot be found by its name; expected a function or class at the top of a module in a package "
            f"under {SOURCES.name}/"
        )
    return f"{module}:{name}"


def custom_spec(
    build: str | Callable[..., Any], /, *, inputs: Sequence[int], outputs: int, **options: Any
) -> dict[str, Any]:
    """The ``spec`` of a network of one's own: what a task returns from ``network_spec``.

    Args:
        build: A function or an ``nn.Module`` class, called as ``build(inputs, outputs, **options)``; itself or its
            dotted path ``package.module:name``.
        inputs: Shape of one sample: (features,), (channels, height, width).
        outputs: Outputs of the network a sample.
        options: Further arguments, of plain values that JSON can hold.

    Raises:
        LowlandError: The function is not at the top of a module, where a model file could find it again.
    """
    path = build if isinstance(build, str) else path_of(build)
    return {"kind": NETWORK, "build": path, "inputs": list(inputs), "outputs": outputs, "options": options}


def call_own(path: str, arguments: Sequence[Any], options: Mapping[str, Any], *, given: str) -> Any:
    """What a user's function or class makes of these arguments.

    Args:
        path: Of the function or class.
        arguments: By position.
        options: Further ones by name.
        given: What all these are, for messages.

    Raises:
        OwnCodeError: It takes other arguments, or fails: the exception and its line.
    """
    check_arguments(path, arguments, options)
    try:
        return own_object(path)(*arguments, **options)
    except LowlandError:
        raise
    except Exception as error:
        raise OwnCodeError(f"{path} fails with {given}: {said(error)}") from error


def check_arguments(path: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> None:
    """Refuse arguments that a user's function or class does not take.

    Args:
        path: Of the function or class.
        arguments: By position; only their number counts.
        options: By name.

    Raises:
        OwnCodeError: With what it takes.
    """
    thing = own_object(path)
    if not callable(thing):
        raise OwnCodeError(f"{path} is {type(thing).__name__}; expected a function or class")
    try:
        signature = inspect.signature(thing)
    except ValueError:  # written in C
        return
    try:
        signature.bind(*arguments, **options)
    except TypeError as error:
        raise OwnCodeError(f"{path} takes {signature}: {error}") from None


@contextmanager
def in_own_code(doing: str) -> Iterator[None]:
    """Turns an exception of a user's code into one line.

    Args:
        doing: What failed, for the message.

    Raises:
        OwnCodeError: In place of whatever was raised, mistakes that are told in one line already aside.
    """
    try:
        yield
    except LowlandError:
        raise
    except Exception as error:
        raise OwnCodeError(f"{doing} fails: {said(error)}") from error


def said(error: BaseException) -> str:
    """An exception in one line, with the line of the user's code that it came from."""
    text = " ".join(str(error).split())
    if isinstance(error, LowlandError):
        return text
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({shown(error.filename)}, line {error.lineno})"
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    where = f" ({shown(own[-1].filename)}, line {own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {text}".rstrip(": ") + where


def shown(path: str | Path | None) -> str:
    """A file relative to the project, if it lies there."""
    file, root = Path(path or "?"), SOURCES.parent
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)


def folder_of(path: str) -> Path:
    """The folder of the package that a dotted path lies in; the file of a module that lies in none.

    Raises:
        OwnCodeError: There is no such package.
    """
    top = path.partition(":")[0].partition(".")[0]
    found = find_spec(top)
    if found is None:
        raise OwnCodeError(_missing(path.partition(":")[0], top))
    if found.submodule_search_locations:
        return Path(next(iter(found.submodule_search_locations)))
    return Path(str(found.origin))


def digest_of(paths: Iterable[str | Path]) -> str:
    """A digest of all Python files of the packages that dotted paths lie in, and of files; empty where there are none.

    Args:
        paths: Dotted ones as text.

    Raises:
        OwnCodeError: A package or file is missing.
    """
    folders = sorted({_there(path) if isinstance(path, Path) else folder_of(path) for path in paths})
    if not folders:
        return ""
    digest = hashlib.sha256()
    for folder in folders:
        files = [folder] if folder.is_file() else sorted(folder.rglob("*.py"))
        for file in files:
            digest.update(file.relative_to(folder.parent).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:32]


def _there(file: Path) -> Path:
    """A file that is there."""
    if not file.is_file():
        raise OwnCodeError(f"{file}: the file is missing; a network is read from it (`network` of a task)")
    return file


def _missing(module: str, name: str) -> str:
    if "." not in name:
        return f"there is no package {name}; expected it in {SOURCES.name}/ of the project, or installed"
    return f"there is no module {name}; expected it at {SOURCES.name}/{module.replace('.', '/')}.py of the project"


def _is_users(file: str) -> bool:
    """Whether a file is none of this package, of Python or of an installed one."""
    path = Path(file)
    inside = path.is_relative_to(Path(__file__).parent) or "site-packages" in path.parts
    return not inside and not file.startswith("<") and not path.is_relative_to(Path(inspect.__file__).parent)


def _found(path: str) -> str:
    own_object(path)
    return path


DottedPath = Annotated[str, AfterValidator(_found)]
"""A parameter that names an object of the user's, which is there."""
