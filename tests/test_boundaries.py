"""Who may import whom, as DESIGN.md has it, read from the source."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {"torch", "diffusers", "transformers", "peft", "accelerate", "gradio"}
MODELS = HEAVY - {"gradio"}
CONTRACT = {"studio.requests", "studio.events", "studio.families"}

# The first pattern that matches a file says what it must never import, at any depth of its code.
FORBIDDEN = [
    ("studio/requests.py", HEAVY | {"studio.engine", "studio.ui", "studio.library", "studio.execution"}),
    ("studio/events.py", HEAVY | {"studio.engine", "studio.ui", "studio.library", "studio.execution"}),
    ("studio/families.py", HEAVY | {"studio.engine", "studio.ui", "studio.library", "studio.execution"}),
    ("studio/library/**/*.py", HEAVY | {"studio.engine", "studio.ui", "studio.execution", "studio.desk"}),
    ("studio/engine/**/*.py", {"gradio", "studio.ui", "studio.execution", "studio.desk"}),
    ("studio/ui/**/*.py", MODELS | {"studio.engine"}),
    ("studio/*.py", HEAVY | {"studio.engine", "studio.ui"}),
    ("app.py", MODELS | {"studio.engine"}),
]


def imports(path: Path) -> set[str]:
    """Every module the file names in an import, wherever in the file; relative ones made absolute."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def reached(path: Path, forbidden: set[str]) -> set[str]:
    return {name for name in imports(path) for bad in forbidden if name == bad or name.startswith(f"{bad}.")}


@pytest.mark.parametrize("pattern, forbidden", FORBIDDEN, ids=[pattern for pattern, _ in FORBIDDEN])
def test_each_layer_imports_only_what_lies_below_it(pattern, forbidden):
    found = {str(path.relative_to(ROOT)): bad for path in ROOT.glob(pattern) if (bad := reached(path, forbidden))}
    assert not found


def test_the_studio_never_imports_the_pocketworld():
    found = {
        str(path.relative_to(ROOT)): bad
        for path in (*ROOT.glob("studio/**/*.py"), ROOT / "app.py")
        if (bad := reached(path, {"pocketworld"}))
    }
    assert not found


def test_the_reader_of_imports_sees_nested_and_relative_ones(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    file = tmp_path / "studio" / "ui" / "page.py"
    file.parent.mkdir(parents=True)
    file.write_text("def show():\n    from ..engine import drawing\n    import torch.nn\n")
    assert reached(file, MODELS | {"studio.engine"}) == {"studio.engine", "studio.engine.drawing", "torch.nn"}


def test_importing_studio_loads_nothing_heavy():
    code = f"import sys, studio; print(*({HEAVY!r} | {{'pandas', 'scipy'}}) & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
