"""Each module has one name, one idea and a unit test file at the same place."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import cryostat_operator

PACKAGE = Path(cryostat_operator.__file__).parent
UNIT = Path(__file__).parent


def modules() -> list[str]:
    found = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if not path.name.startswith("__"))
    return sorted(str(path) for path in found)


def has_test(module: str) -> bool:
    path = Path(module)
    return (UNIT / path.parent / f"test_{path.name}").is_file()


def has_functions(module: str) -> bool:
    nodes = ast.walk(ast.parse((PACKAGE / module).read_text()))
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) for node in nodes)


def test_each_module_has_a_test_file() -> None:
    """Except those that only have constants, or types without methods."""
    without = [module for module in modules() if not has_test(module)]
    assert without
    assert [module for module in without if has_functions(module)] == []


def test_no_two_modules_have_the_same_name() -> None:
    """A module is found by its name alone; only `__init__` and `__main__` are in several folders."""
    paths: dict[str, list[str]] = {}
    for module in modules():
        paths.setdefault(Path(module).name, []).append(module)
    assert [found for found in paths.values() if len(found) > 1] == []


# Lines of a module. A longer one has two ideas: split it between them.
MAX_LINES = 250
LONGER = {"plan/model/reasons.py": "one list, of all reasons"}


def test_modules_are_short() -> None:
    lines = {module: len((PACKAGE / module).read_text().splitlines()) for module in modules()}
    assert {module: count for module, count in lines.items() if count > MAX_LINES and module not in LONGER} == {}
    assert [module for module in LONGER if lines.get(module, 0) <= MAX_LINES] == [], "exceptions that are not needed"


# A shorter module belongs in another one, except these, with the reason.
MIN_LINES = 30
SHORTER = {
    "api/accepted_namespaces.py": "api, plan and webhooks read the annotation",
    "api/defaulting.py": "its own step of admission",
    "inspect/cause.py": "the type that the modules with causes share",
    "packaging/install_names.py": "constants of several generated files",
    "packaging/policies.py": "shared by the two optional policies",
    "plan/model/times.py": "observe, plan and reconcile measure times",
    "webhooks/label_admission.py": "its own webhook",
    "webhooks/watched_namespaces.py": "its own rule of admission",
}


def test_modules_are_not_too_short() -> None:
    lines = {module: len((PACKAGE / module).read_text().splitlines()) for module in modules()}
    assert {module for module, count in lines.items() if count < MIN_LINES} == set(SHORTER)


MAX_FUNCTION_LINES = 50


def test_functions_are_short() -> None:
    found = [
        (module, node.name)
        for module in modules()
        for node in ast.walk(ast.parse((PACKAGE / module).read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= MAX_FUNCTION_LINES
    ]
    assert found == []


MAX_TEST_LINES = 400


def test_test_files_are_short() -> None:
    """A longer one tests several ideas: split it between them."""
    assert [
        str(path) for path in UNIT.parent.rglob("*.py") if len(path.read_text().splitlines()) > MAX_TEST_LINES
    ] == []


def imported(node: ast.AST) -> list[str]:
    """What a statement imports, with dots. Relative imports are of `tests`."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        module = ".".join(filter(None, ("tests" if node.level else "", node.module)))
        return [f"{module}.{alias.name}" for alias in node.names]
    return []


def is_in_test_file(name: str) -> bool:
    package, *parts = name.split(".")
    return package == "tests" and any(part.startswith("test_") for part in parts)


def test_no_module_imports_a_test_file() -> None:
    """What several files need is in a module beside them: a test file can be changed without reading others."""
    assert [
        (str(path.relative_to(UNIT.parent)), name)
        for path in UNIT.parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in imported(node)
        if is_in_test_file(name)
    ] == []


def test_the_key_of_an_instance_has_one_name() -> None:
    """`key` is the key of an object, `instance` an `Instance`."""
    arguments = [
        (module, node.arg)
        for module in modules()
        for node in ast.walk(ast.parse((PACKAGE / module).read_text()))
        if isinstance(node, ast.arg) and node.annotation and ast.unparse(node.annotation) == "InstanceKey"
    ]
    assert {name for _, name in arguments} == {"instance_key"}, arguments


def test_unit_tests_run_no_programs() -> None:
    """They run Python, a shell and standard utilities at most, so that `make unit` needs nothing else."""
    calls = [
        (str(path.relative_to(UNIT)), node)
        for path in UNIT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("subprocess.") and node.args
    ]
    programs = [(path, node.args[0].elts[0]) for path, node in calls if isinstance(node.args[0], ast.List)]
    assert programs
    assert [
        (path, program.value)
        for path, program in programs
        if isinstance(program, ast.Constant) and program.value not in ("sh", "bash")
    ] == []


NO_VERB = re.compile(
    r"(A|All|An|Annotations?|Any|Each|Every|Headers|Identity|JSON|Keys|Kind|Labels|Objects|One|Options|Seconds|The|"
    r"Volumes|What|Whether|Which|Why|`)\b"
)


def test_docstrings_of_public_functions_begin_with_a_verb() -> None:
    """They say what the function does or returns. The methods of a `Protocol` and properties describe what they are."""
    found = []
    for module in modules():
        tree = ast.parse((PACKAGE / module).read_text())
        classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        protocols = [node for node in classes if "Protocol" in {ast.unparse(base) for base in node.bases}]
        excepted = {method for node in protocols for method in node.body}
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
                continue
            is_property = any("property" in ast.unparse(each) for each in node.decorator_list)
            if not is_property and node not in excepted and NO_VERB.match(ast.get_docstring(node) or ""):
                found.append((module, node.name))
    assert found == []
