"""A hash of the code behind a result, so that exactly what a change can touch is made again.

It starts at a module and follows names: a definition (function, class, constant) counts if something that
counts refers to it, and so do statements that run on import. Imports inside functions are followed too.
Not counted: comments, docstrings, formatting, annotations of functions, this module, other packages, and
what `UNCOUNTED` names.
Two choices keep results alive that a change can't touch:

`chosen` names the entry a run uses of a dict of variants ({"SAMPLERS": "hierarchical"}), so a new variant
makes nothing again; `settings` names dataclasses whose field values are compared by themselves (they are in
a run's identity), so a changed default makes again only the rows that use it.

What is imported by a computed name is not seen: the package has no such import.
"""

import ast
import functools
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = "spatialgan"
FOLDER = Path(__file__).parent

# A result says which commit made it; how that is found out changes no number.
UNCOUNTED = {"spatialgan.provenance:source_commit"}


@dataclass(frozen=True)
class Module:
    """One parsed file: its top-level definitions, what runs on import, and what its imports are called."""

    name: str  # dotted
    definitions: dict[str, list[ast.stmt]]  # every statement that binds the name
    statements: list[ast.stmt]  # all others but imports
    aliases: dict[str, str]  # local name -> dotted name inside the package


@dataclass
class Walk:
    """The definitions found so far, under "<module>:<name>" ("<module>:" for statements run on import)."""

    chosen: Mapping[str, str]
    settings: Collection[str]
    found: dict[str, list] = field(default_factory=dict)

    def follow(self, dotted: str) -> None:
        """Add what a dotted name of the package refers to, and all that this refers to."""
        module, rest = _split_module(dotted)
        if module.name == __name__:
            return
        self.enter(module)
        names = [rest[0]] if rest else list(module.definitions)
        for name in names:
            if name in module.definitions:
                self.add(module, name)
            elif name in module.aliases:
                self.follow(".".join([module.aliases[name], *rest[1:]]))

    def enter(self, module: Module) -> None:
        """Add what runs when a module, and the packages around it, are imported."""
        package = module.name.rpartition(".")[0]
        if package:
            self.enter(_split_module(package)[0])
        self._add_statements(module, f"{module.name}:", module.statements)

    def add(self, module: Module, name: str) -> None:
        """Add one definition of a module."""
        statements = module.definitions[name]
        if name in self.chosen:
            statements = [_keep_entry(s, self.chosen[name]) for s in statements]
        if f"{module.name}.{name}" in self.settings:
            statements = [_without_defaults(s) for s in statements]
        self._add_statements(module, f"{module.name}:{name}", statements)

    def _add_statements(self, module: Module, key: str, statements: list[ast.stmt]) -> None:
        if key in self.found or key in UNCOUNTED:
            return
        self.found[key] = [_plain(s) for s in statements]
        for statement in statements:
            for dotted in _references(statement, module):
                self.follow(dotted)


def code_digest(entry: str, chosen: Mapping[str, str] = {}, settings: Collection[str] = ()) -> str:
    """Return a sha256 over the code reached from `entry`, a module or definition by dotted name.

    Raises ValueError if there is no such module.
    """
    return _digest(entry, tuple(sorted(chosen.items())), frozenset(settings))


@functools.cache  # thousands of runs share a few choices
def _digest(entry: str, chosen: tuple[tuple[str, str], ...], settings: frozenset[str]) -> str:
    walk = Walk(dict(chosen), settings)
    walk.follow(entry)
    text = json.dumps(walk.found, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _split_module(dotted: str) -> tuple[Module, list[str]]:
    """Return the module a dotted name begins with, and the names that follow it."""
    parts = dotted.split(".")
    if parts[0] != PACKAGE:
        raise ValueError(f"{dotted} is not part of {PACKAGE}")
    for length in range(len(parts), 0, -1):
        stem = FOLDER.joinpath(*parts[1:length])
        for path in (stem.with_suffix(".py"), stem / "__init__.py"):
            if length > 1 or path.name == "__init__.py":
                if path.is_file():
                    return _parse(".".join(parts[:length]), path), parts[length:]
    raise ValueError(f"{dotted} names no module")


@functools.cache
def _parse(name: str, path: Path) -> Module:
    """Return a file parsed, once in a process."""
    tree = ast.parse(path.read_text())
    definitions: dict[str, list[ast.stmt]] = {}
    statements = []
    for node in _without_docstring(tree.body):
        names = _bound_names(node)
        for bound in names:
            definitions.setdefault(bound, []).append(node)
        if not names and not isinstance(node, ast.Import | ast.ImportFrom):
            statements.append(node)
    return Module(name, definitions, statements, dict(_imports(tree, name, path)))


def _bound_names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    return []


def _imports(tree: ast.Module, name: str, path: Path) -> Iterator[tuple[str, str]]:
    """Yield (local name, dotted name) of all imports from the package, wherever they stand."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                if item.name.split(".")[0] == PACKAGE:
                    yield (item.asname, item.name) if item.asname else (PACKAGE, PACKAGE)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *([base] if base else [])])
            if base.split(".")[0] == PACKAGE:
                for item in node.names:
                    yield item.asname or item.name, f"{base}.{item.name}"


def _references(node: ast.AST, module: Module) -> Iterator[str]:
    """Yield the dotted names of the package that a statement mentions."""
    chain: list[str] = []
    inner = node
    while isinstance(inner, ast.Attribute):
        chain.insert(0, inner.attr)
        inner = inner.value
    if isinstance(inner, ast.Name):
        if inner.id in module.aliases:
            yield ".".join([module.aliases[inner.id], *chain])
        elif inner.id in module.definitions:
            yield f"{module.name}.{inner.id}"
        return
    for child in _parts(inner):
        yield from _references(child, module)


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node's children that count: no docstring, no annotation of a function."""
    for _, value in _fields(node):
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, ast.AST):
                yield item


def _fields(node: ast.AST) -> Iterator[tuple[str, object]]:
    """Yield the fields of a node that count and aren't empty, so that Python versions agree."""
    is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for name, value in ast.iter_fields(node):
        if name in ("ctx", "kind", "type_comment") or (is_function and name == "returns"):
            continue
        if isinstance(node, ast.arg) and name == "annotation":
            continue
        if name == "body" and (is_function or isinstance(node, ast.ClassDef)):
            value = _without_docstring(value)
        if value not in (None, []):
            yield name, value


def _plain(node: object) -> object:
    """Return a syntax tree as nested lists for JSON, without positions."""
    if isinstance(node, ast.AST):
        return [type(node).__name__, *([name, _plain(value)] for name, value in _fields(node))]
    if isinstance(node, list):
        return [_plain(item) for item in node]
    return repr(node)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return body[1:] if is_docstring and isinstance(first.value.value, str) else body


def _keep_entry(statement: ast.stmt, key: str) -> ast.stmt:
    """Return the assignment of a dict literal with only the entry `key`."""
    value = getattr(statement, "value", None)
    if not isinstance(value, ast.Dict):
        return statement
    pairs = zip(value.keys, value.values, strict=True)
    kept = [(k, v) for k, v in pairs if isinstance(k, ast.Constant) and k.value == key]
    entries = ast.Dict([k for k, _ in kept], [v for _, v in kept])
    return ast.Assign([ast.Name("variants")], entries)


def _without_defaults(statement: ast.stmt) -> ast.stmt:
    """Return a dataclass without the values of its fields."""
    if not isinstance(statement, ast.ClassDef):
        return statement
    body = []
    for node in statement.body:
        is_field = isinstance(node, ast.AnnAssign) and "ClassVar" not in ast.unparse(
            node.annotation
        )
        bare = ast.AnnAssign(node.target, node.annotation, None, node.simple) if is_field else node
        body.append(bare)
    return ast.ClassDef(
        statement.name, statement.bases, statement.keywords, body, statement.decorator_list
    )
