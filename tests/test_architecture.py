"""Imports flow one way, files and functions stay small, and what is public says what it is for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("gateway", "protocols", "consumers")
PROTOCOLS = ("telegram", "xmpp", "websocket")

FLOORS: tuple[tuple[str, ...], ...] = (
    ("gateway.vocabulary",),
    ("gateway.ledger", "gateway.media"),
    ("gateway.delivery",),
    (
        "gateway.dashboard",
        "gateway.registry",
        "gateway.config",
        "gateway.sections",
        "gateway.sources",
        "gateway.mistakes",
        "gateway.provenance",
        "gateway.settings",
        "gateway.logs",
        "gateway.redaction",
    ),
    (
        "gateway.runner",
        "gateway.answers",
        "gateway.supervisor",
        "gateway.application",
        "gateway.schema",
        "gateway.control",
        "gateway.place",
    ),
    ("gateway.cli", "gateway.verbs", "gateway.__main__"),
)
"""The floors of the core from the ground up; nothing imports one above its own."""

LINES = 400
LONGER_FILES = {
    "consumers/base.py": "one class, read from top to bottom: the life of a consumer",
    "gateway/delivery/rooms.py": "rooms, their access and what is told to them share their state",
    "gateway/delivery/switchboard.py": "the one place where everything is wired to everything",
    "protocols/xmpp/stream.py": "what slixmpp's stream is made to do otherwise",
}
"""Files over the limit, and why each is one file."""

NO_PLATFORM = {("gateway/vocabulary/spans.py", "xmpp"): "a scheme of addresses, as mailto is"}
"""Words that name something else than the platform."""

FUNCTION_LINES = 40
CATCH_ALL = re.compile(r"utils?|helpers?|managers?|misc|common")


def modules() -> list[str]:
    """Every module of ours, by its path from the root; migrations are Django's to write."""
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    found = [path.relative_to(ROOT) for path in [*paths, ROOT / "routing.py"]]
    return sorted(str(path) for path in found if "migrations" not in path.parts)


MODULES = modules()


@cache
def tree(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def name_of(path: str) -> str:
    """The module's dotted name."""
    return ".".join(Path(path).with_suffix("").parts).removesuffix(".__init__")


NAMES = {name_of(path): path for path in MODULES}


def imports(path: str, *, lazy: bool) -> set[str]:
    """The modules that a module imports; without ``lazy`` only when it is itself imported."""
    return {name for node in _statements(tree(path), lazy=lazy) for name in _named(node)}


def _statements(node: ast.AST, *, lazy: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and not lazy:
            continue
        yield child
        yield from _statements(child, lazy=lazy)


def _named(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            yield inner if inner in NAMES else node.module


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def floor_of(name: str) -> int | None:
    """The number of a module's floor; None for ``gateway.testing``, which stands beside."""
    for number, packages in enumerate(FLOORS):
        if any(within(name, package) for package in packages):
            return number
    return None


def in_package(package: str) -> list[str]:
    return [path for path in MODULES if within(name_of(path), package)]


CORE = [path for path in in_package("gateway") if not path.startswith("gateway/testing/")]


# Who may import whom


@pytest.mark.parametrize("path", CORE)
def test_the_core_imports_nothing_above_its_own_floor(path: str) -> None:
    name = name_of(path)
    if name == "gateway":
        return
    own = floor_of(name)
    assert own is not None, f"{name} stands on no floor; give it one in FLOORS"
    above = [other for other in imports(path, lazy=True) if (floor_of(other) or 0) > own]
    assert not above


@pytest.mark.parametrize("path", CORE)
def test_the_core_does_not_import_what_is_for_tests(path: str) -> None:
    assert not [other for other in imports(path, lazy=True) if within(other, "gateway.testing")]


@pytest.mark.parametrize("path", in_package("gateway"))
def test_the_core_imports_no_protocol_and_no_consumer(path: str) -> None:
    outside = ("protocols", "consumers", "routing")
    found = imports(path, lazy=True)
    assert not [other for other in found if any(within(other, package) for package in outside)]


@pytest.mark.parametrize("path", in_package("protocols"))
def test_a_protocol_imports_no_other_protocol_no_consumer_and_no_route(path: str) -> None:
    parts = path.split("/")
    others = [f"protocols.{protocol}" for protocol in PROTOCOLS if protocol not in parts]
    forbidden = (*others, "consumers", "routing")
    found = imports(path, lazy=True)
    assert not [other for other in found if any(within(other, package) for package in forbidden)]


@pytest.mark.parametrize("path", in_package("protocols"))
def test_a_protocol_imports_only_the_lower_floors_of_the_core(path: str) -> None:
    found = [other for other in imports(path, lazy=True) if within(other, "gateway")]
    assert all(floor_of(other) is not None and (floor_of(other) or 0) <= 2 for other in found)


@pytest.mark.parametrize("path", in_package("consumers"))
def test_a_consumer_imports_no_protocol(path: str) -> None:
    found = imports(path, lazy=True)
    forbidden = ("protocols", "routing")
    assert not [other for other in found if any(within(other, package) for package in forbidden)]


PURE = ("/translate.py", "/text.py", "xmpp/identity.py", "xmpp/stanzas.py", "xmpp/elements.py")


@pytest.mark.parametrize("path", [path for path in MODULES if path.endswith(PURE)])
def test_a_translation_is_pure(path: str) -> None:
    forbidden = ("asyncio", "channels", "django", "telegram", "slixmpp", "twisted", "aiohttp")
    found = imports(path, lazy=True)
    assert not [other for other in found if any(within(other, package) for package in forbidden)]


@pytest.mark.parametrize("path", in_package("gateway.vocabulary"))
def test_the_vocabulary_is_pure(path: str) -> None:
    forbidden = ("asyncio", "channels", "django", "pydantic")
    found = imports(path, lazy=True)
    assert not [other for other in found if any(within(other, package) for package in forbidden)]


def test_no_import_goes_round_in_a_circle() -> None:
    graph = {
        name: {other for other in imports(path, lazy=False) if other in NAMES and other != name}
        for name, path in NAMES.items()
    }
    while leaves := {name for name, others in graph.items() if not others & graph.keys()}:
        for name in leaves:
            del graph[name]
    # What is left is in a circle or leads to one.
    assert not graph


# What the core knows of platforms


def strings(path: str) -> list[ast.Constant]:
    """Every string of a module that is no docstring."""
    documentation = {id(node.value) for node in ast.walk(tree(path)) if isinstance(node, ast.Expr)}
    return [
        node
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in documentation
    ]


@pytest.mark.parametrize("path", CORE)
def test_the_core_names_no_platform(path: str) -> None:
    named = [
        node
        for node in strings(path)
        if re.search(r"telegram|xmpp|jabber", node.value) and (path, node.value) not in NO_PLATFORM
    ]
    assert not [f"{path}:{node.lineno}: {node.value!r}" for node in named]


@pytest.mark.parametrize("path", CORE)
def test_the_core_writes_keys_of_its_own_platform_in_one_place(path: str) -> None:
    named = [node for node in strings(path) if node.value.startswith("web:")]
    assert not named or path == "gateway/vocabulary/ids.py"


# Size and names


def lines_of(path: str) -> int:
    return len((ROOT / path).read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("path", MODULES)
def test_a_file_is_small_or_says_why_not(path: str) -> None:
    assert lines_of(path) <= LINES or path in LONGER_FILES


@pytest.mark.parametrize("path", LONGER_FILES)
def test_an_exception_for_a_long_file_is_needed(path: str) -> None:
    assert path in MODULES
    assert lines_of(path) > LINES


@pytest.mark.parametrize("path", MODULES)
def test_a_function_is_short(path: str) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < FUNCTION_LINES, node.name


@pytest.mark.parametrize("path", MODULES)
def test_a_module_is_called_after_what_it_is_about(path: str) -> None:
    assert not CATCH_ALL.fullmatch(Path(path).stem)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_protocol_has_the_same_files_as_the_others(protocol: str) -> None:
    for name in ("settings.py", "server.py", "translate.py"):
        assert (ROOT / "protocols" / protocol / name).is_file()


# Words


def undocumented(path: str) -> Iterator[str]:
    """The public things of a module that have no docstring."""
    module = tree(path)
    if module.body and not ast.get_docstring(module):
        yield name_of(path)
    yield from _undocumented_in(module, name_of(path))


def _undocumented_in(holder: ast.Module | ast.ClassDef, name: str) -> Iterator[str]:
    for node in holder.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.name.startswith("_") or _speaks_elsewhere(node):
            continue
        if not ast.get_docstring(node):
            yield f"{name}.{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented_in(node, f"{name}.{node.name}")


def _speaks_elsewhere(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it is one of several of its name, as setters and overloads are, and not the main."""
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    return any(name.endswith((".setter", "overload")) for name in decorators)


@pytest.mark.parametrize("path", MODULES)
def test_everything_public_says_what_it_is_for(path: str) -> None:
    assert not list(undocumented(path))
