"""Python source as definitions that can be compared: what a name stands for, and what it refers to.

A definition is a top-level function, class or constant of a module, or (under the name "") all that runs when the
module is imported. Its syntax is compared without positions, comments, docstrings, imports and annotations of
functions; names imported or defined in the module are replaced by what they lead to.
"""

import ast
import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

Place = tuple[str, str]  # module by its dotted name, and the definition's name in it
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SCOPES = (*FUNCTIONS, ast.Lambda, *COMPREHENSIONS)
OUTER = ("decorator_list", "args")  # of a function: evaluated outside its scope, defaults included
IMPORTS = (ast.Import, ast.ImportFrom)
CHOSEN = "<chosen>"  # in place of the name of a dict of variants


@dataclass(frozen=True)
class Module:
    """One parsed file."""

    name: str  # dotted
    definitions: dict[str, list[ast.stmt]]  # every statement that binds the name; "" for all others
    aliases: dict[str, str]  # local name -> dotted name of all that is imported


@dataclass(frozen=True)
class Definition:
    """What counts of one definition."""

    sha256: str  # of its syntax, in which others stand by their names alone
    refers_to: tuple[Place, ...]  # in the order of the text


Resolve = Callable[[Module, tuple[str, ...]], tuple[list[Place], list[str]]]


def parse_module(name: str, path: Path) -> Module:
    """Return a file parsed."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    definitions: dict[str, list[ast.stmt]] = {"": []}
    for node in _without_docstring(tree.body):
        if isinstance(node, IMPORTS) or _is_for_type_checkers(node):
            continue
        for bound in _bound_names(node) or [""]:
            definitions.setdefault(bound, []).append(node)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return Module(name, definitions, dict(_imports(tree, package)))


@dataclass(frozen=True)
class Choice:
    """What counts of definitions."""

    entry: str | None = None  # of a dict the only one that counts; None: all
    is_settings: bool = False  # defaults of fields don't count
    absent: frozenset[str] = frozenset()  # names of what a run doesn't have: see `_is_absent`


def define(resolve: Resolve, module: Module, name: str, choice: Choice) -> Definition:
    """Return a definition of a module with a choice applied."""
    statements = module.definitions[name]
    if choice.entry is not None:
        statements = [_keep_entry(s, choice.entry) for s in statements]
    if choice.is_settings:
        statements = [_without_defaults(s) for s in statements]
    statements = [_without_entries(s, name, choice.absent) for s in statements]
    reader = _Reader(resolve, module, choice.absent)
    plain = [name, *(reader.plain(s, frozenset()) for s in statements)]
    text = json.dumps(plain).encode()
    return Definition(hashlib.sha256(text).hexdigest(), tuple(reader.references))


class _Reader:
    """Turns syntax into nested lists and collects the definitions that it refers to."""

    def __init__(self, resolve: Resolve, module: Module, absent: frozenset[str]) -> None:
        self._resolve, self._module, self._absent = resolve, module, absent
        self.references: list[Place] = []

    def plain(self, node: object, local: frozenset[str]) -> object:
        """Return a syntax tree as nested lists for JSON; `local` names are variables of a function."""
        if isinstance(node, list):
            return [self.plain(item, local) for item in node if not isinstance(item, IMPORTS)]
        if not isinstance(node, ast.AST):
            return repr(node)
        chain = _chain(node)
        if chain and chain[0] not in local:
            return self._reference(chain)
        inner = local | _local_names(node) if isinstance(node, SCOPES) else local
        return [
            type(node).__name__,
            *(
                [n, self.plain(v, local if n in OUTER else inner)]
                for n, v in _fields(node, self._absent)
            ),
        ]

    def _reference(self, chain: tuple[str, ...]) -> list:
        places, rest = self._resolve(self._module, chain)
        self.references += places
        if len(places) == 1:
            return ["Name", places[0][1], *rest]
        return ["Module" if places else "Name", *rest]


def _chain(node: ast.AST) -> tuple[str, ...]:
    """Return the names of a.b.c, empty for anything else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    return (node.id, *names) if isinstance(node, ast.Name) else ()


def _local_names(scope: ast.AST) -> frozenset[str]:
    """Return the names that a function, lambda or comprehension binds itself."""
    names, shared = set(), set()
    waiting: list[ast.AST] = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
        elif isinstance(node, ast.Global):
            shared |= set(node.names)
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            names.add(node.name)
        if not isinstance(node, (*SCOPES, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)
    return frozenset(names - shared)


def _fields(node: ast.AST, absent: frozenset[str]) -> Iterator[tuple[str, object]]:
    """Yield the fields of a node that count and aren't empty, so that Python versions agree."""
    is_function = isinstance(node, FUNCTIONS)
    for name, value in ast.iter_fields(node):
        if name in ("ctx", "kind", "type_comment") or (is_function and name == "returns"):
            continue
        if isinstance(node, ast.arg) and name == "annotation":
            continue
        if name == "body" and (is_function or isinstance(node, ast.ClassDef)):
            value = _without_docstring(value)
        if isinstance(value, list):
            value = [item for item in value if not _is_absent(item, absent)]
        if value not in (None, []):
            yield name, value


def _is_absent(node: object, absent: frozenset[str]) -> bool:
    """Return whether a node is there only for what a run doesn't have.

    That is a field or an argument of an absent name, or an `if` without `else` that asks for an attribute of that name.
    """
    if isinstance(node, ast.AnnAssign):
        return isinstance(node.target, ast.Name) and node.target.id in absent
    if isinstance(node, ast.keyword):
        return node.arg in absent
    if isinstance(node, ast.If) and not node.orelse:
        asked = (part.attr for part in ast.walk(node.test) if isinstance(part, ast.Attribute))
        return not absent.isdisjoint(asked)
    return False


def _bound_names(node: ast.stmt) -> list[str]:
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign | ast.AugAssign):
        targets = [node.target]
    else:
        return []
    return [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]


def _is_for_type_checkers(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and _chain(node.test)[-1:] == ("TYPE_CHECKING",)


def _imports(tree: ast.Module, package: str) -> Iterator[tuple[str, str]]:
    """Yield (local name, dotted name) of all imports, wherever they are."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                first = item.name.split(".")[0]
                yield (item.asname, item.name) if item.asname else (first, first)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *([base] if base else [])])
            for item in node.names:
                yield item.asname or item.name, f"{base}.{item.name}"


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    match body:
        case [ast.Expr(ast.Constant(str())), *rest]:
            return rest
    return body


def _keep_entry(statement: ast.stmt, key: str) -> ast.stmt:
    """Return the assignment of a dict literal with only the entry `key`."""
    value = getattr(statement, "value", None)
    if not isinstance(value, ast.Dict):
        return statement
    pairs = zip(value.keys, value.values, strict=True)
    kept = [(k, v) for k, v in pairs if isinstance(k, ast.Constant) and k.value == key]
    entries = ast.Dict([k for k, _ in kept], [v for _, v in kept])
    return ast.Assign([ast.Name(CHOSEN)], entries)


def _without_entries(statement: ast.stmt, name: str, absent: frozenset[str]) -> ast.stmt:
    """Return the assignment of the dict literal `name` without the entries that are absent as "name.key"."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign):
        return statement
    if not isinstance(statement.value, ast.Dict):
        return statement
    pairs = zip(statement.value.keys, statement.value.values, strict=True)
    kept = [p for p in pairs if f"{name}.{getattr(p[0], 'value', '')}" not in absent]
    shorter = copy.copy(statement)
    shorter.value = ast.Dict([k for k, _ in kept], [v for _, v in kept])
    return shorter


def _without_defaults(statement: ast.stmt) -> ast.stmt:
    """Return a dataclass without the values of its fields."""
    if not isinstance(statement, ast.ClassDef):
        return statement
    body = []
    for node in statement.body:
        if isinstance(node, ast.AnnAssign) and "ClassVar" not in ast.unparse(node.annotation):
            node = ast.AnnAssign(node.target, node.annotation, None, node.simple)
        body.append(node)
    return ast.ClassDef(
        statement.name, statement.bases, statement.keywords, body, statement.decorator_list
    )
