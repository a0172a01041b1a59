"""The rooms of the studio, and which of them each may import, as DESIGN.md has it; read from the source."""

import ast
import graphlib
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {"torch", "diffusers", "transformers", "peft", "accelerate", "gradio"}
MODELS = HEAVY - {"gradio"}

# Each room, a package or one module, with the rooms that it may import from: itself and what lies below it.
LOW = {"errors", "contracts"}
IMAGING, WORDS = LOW | {"imaging"}, LOW | {"words"}
LIBRARY = IMAGING | WORDS | {"library"}
TASKS = LIBRARY | {"quotas", "tasks"}
EXECUTION = TASKS | {"execution"}
SESSION = EXECUTION | {"session"}
ADAPTERS, VISION = TASKS | {"engine.models", "engine.adapters"}, TASKS | {"engine.models", "engine.vision"}
GENERATION = ADAPTERS | VISION | {"engine.generation"}
ROOMS = {
    "errors": set(),
    "contracts": LOW,
    "imaging": IMAGING,
    "words": WORDS,
    "library": LIBRARY,
    "tasks": TASKS,
    "execution": EXECUTION,
    "quotas": LOW | {"quotas"},
    "settings": LOW | {"quotas", "settings"},
    "session": SESSION,
    "__init__": SESSION,
    "engine.__init__": set(),
    "engine.models": TASKS | {"engine.models"},
    "engine.adapters": ADAPTERS,
    "engine.vision": VISION,
    "engine.generation": GENERATION,
    "engine.training": GENERATION | {"engine.training"},
    "ui": SESSION | {"settings", "ui"},
}
# What one architecture alone has, as names in code or as texts; and who may know it: the drivers of these layouts and what
# they are made of, and IP-Adapters, which are processors of a UNet's attention.
OF_AN_ARCHITECTURE = {
    *("unet", "transformer", "lora_unet", "sdxl", "sd15", "encode_prompt", "prompt_embeds", "pooled_prompt_embeds"),
    *("added_cond_kwargs", "time_ids", "alphas_cumprod", "scaling_factor", "in_channels"),
}
KNOW_THEIR_ARCHITECTURE = {
    *(f"engine.models.{name}" for name in ("layouts", "unet", "sdxl", "noise", "schedulers", "single_file")),
    "engine.adapters.ip_adapter",
}
ALLOWED = {"use.unet"}  # a public field: LoraUse's weight in whatever denoises
# Names that every tab has: its folder says whose they are.
OF_EVERY_TAB = {"layout", "handlers", "views"}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def room_of(module: str) -> str | None:
    """The room that a module of the studio, such as "studio.ui.tabs.draw.layout", lies in; None for a loose one."""
    inside = module.removeprefix("studio.")
    return next((room for room in ROOMS if inside == room or inside.startswith(f"{room}.")), None)


def imports(path: Path, lazy: bool = True) -> set[str]:
    """Every module the file names in an import, wherever in the file; relative ones made absolute.

    Without `lazy`, only those that importing the file runs.
    """
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    found = set()
    for node in nodes(ast.parse(path.read_text(encoding="utf-8")), lazy):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def nodes(node: ast.AST, lazy: bool) -> Iterator[ast.AST]:
    """The node and all below it; without `lazy` those of functions are left out."""
    yield node
    for child in ast.iter_child_nodes(node):
        if lazy or not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from nodes(child, lazy)


def modules_of(package: str) -> dict[str, Path]:
    """Every file of a package by its dotted name."""
    return {module_of(path).removesuffix(".__init__"): path for path in ROOT.glob(f"{package}/**/*.py")}


def reached(path: Path, forbidden: set[str]) -> set[str]:
    return {name for name in imports(path) for bad in forbidden if name == bad or name.startswith(f"{bad}.")}


def rooms_reached(path: Path) -> set[str]:
    """The rooms that the file imports from; "studio" for the public names, which are no room's."""
    return {room_of(name) or "studio" for name in imports(path) if name.split(".")[0] == "studio"}


def files_of(room: str) -> list[Path]:
    return [path for path in ROOT.glob("studio/**/*.py") if room_of(module_of(path)) == room]


def test_every_file_of_the_studio_lies_in_a_room():
    loose = [str(path.relative_to(ROOT)) for path in ROOT.glob("studio/**/*.py") if room_of(module_of(path)) is None]
    assert not loose, "a new module belongs into a room, or ROOMS must name a new room"


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_imports_only_what_lies_below_it(room):
    files = files_of(room)
    assert files, "a room that is gone must go from ROOMS too"
    wrong = {str(path.relative_to(ROOT)): bad for path in files if (bad := rooms_reached(path) - ROOMS[room])}
    assert not wrong


def test_only_the_engine_imports_torch_and_only_the_page_gradio():
    wrong = {}
    for path in (*ROOT.glob("studio/**/*.py"), ROOT / "app.py"):
        room = room_of(module_of(path)) or "app"
        allowed = MODELS if room.startswith("engine.") else {"gradio"} if room in ("ui", "app") else set()
        if bad := reached(path, HEAVY - allowed):
            wrong[str(path.relative_to(ROOT))] = bad
    assert not wrong


def test_the_app_imports_the_studio_by_its_public_names_its_settings_and_its_page():
    assert not {name for name in imports(ROOT / "app.py") if name.startswith("studio.")} - {
        "studio.settings",
        "studio.settings.Settings",
        "studio.settings.read_settings",
        "studio.ui.app",
        "studio.ui.app.build",
        "studio.ui.app.look",
    }


def test_no_two_modules_of_the_studio_have_one_name():
    named = defaultdict(list)
    for path in ROOT.glob("studio/**/*.py"):
        if path.stem != "__init__" and path.stem not in OF_EVERY_TAB:
            named[path.stem].append(str(path.relative_to(ROOT)))
    assert not {name: paths for name, paths in named.items() if len(paths) > 1}


def test_the_studio_never_imports_the_pocketworld():
    found = {
        str(path.relative_to(ROOT)): bad
        for path in (*ROOT.glob("studio/**/*.py"), ROOT / "app.py")
        if (bad := reached(path, {"pocketworld", "benchmarks"}))
    }
    assert not found


def test_the_pocketworld_needs_neither_the_studio_nor_the_benchmarks():
    studio = {name: bad for name, path in modules_of("pocketworld").items() if (bad := reached(path, {"studio"}))}
    benchmarks = {
        name: bad
        for name, path in modules_of("pocketworld").items()
        if (bad := {one for one in imports(path, lazy=False) if one.split(".")[0] == "benchmarks"})
    }
    lazily = {name for name, path in modules_of("pocketworld").items() if reached(path, {"benchmarks"})}
    assert not studio and not benchmarks and lazily == {"pocketworld.__main__"}


@pytest.mark.parametrize("package", ["pocketworld", "benchmarks"])
def test_no_imports_go_in_a_circle(package):
    modules = modules_of(package)
    graph = {name: imports(path) & modules.keys() - {name} for name, path in modules.items()}
    assert list(graphlib.TopologicalSorter(graph).static_order())  # CycleError names the circle


def test_a_benchmark_is_imported_by_no_other_module():
    modules = modules_of("benchmarks")
    leaves = {
        name
        for name, path in modules.items()
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in ast.parse(path.read_text()).body)
    }
    assert len(leaves) > 10
    assert not {name: used for name, path in modules.items() if (used := imports(path) & leaves)}


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A file of another studio, with this text in it."""

    def write(where: str, text: str) -> Path:
        monkeypatch.setitem(globals(), "ROOT", tmp_path)
        file = tmp_path / where
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return write


def test_the_reader_of_imports_sees_nested_and_relative_ones(written):
    file = written("studio/ui/page.py", "def show():\n    from ..engine.models import memory\n    import torch.nn\n")
    assert reached(file, {"torch", "studio.engine"}) == {
        "studio.engine.models",
        "studio.engine.models.memory",
        "torch.nn",
    }
    assert rooms_reached(file) == {"engine.models"} and imports(file, lazy=False) == set()


def test_a_loose_module_and_a_look_upwards_are_seen(written):
    assert room_of(module_of(written("studio/helpers.py", "from studio.ui.app import build\n"))) is None
    assert rooms_reached(ROOT / "studio/helpers.py") == {"ui"}
    assert rooms_reached(written("studio/library/new.py", "import studio\n")) == {"studio"}


def test_importing_studio_loads_nothing_heavy():
    code = f"import sys, studio; print(*({HEAVY!r} | {{'pandas', 'scipy'}}) & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


def said_of_architectures(path: Path) -> set[str]:
    """Names and texts in the code of a file that only one architecture has."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in OF_AN_ARCHITECTURE:
            found.add(ast.unparse(node))
        if isinstance(node, ast.keyword) and node.arg in OF_AN_ARCHITECTURE:
            found.add(f"{node.arg}=")
        if isinstance(node, ast.Constant) and str(node.value).partition(".")[0] in OF_AN_ARCHITECTURE:
            found.add(repr(node.value))
    return found - ALLOWED


def test_only_drivers_of_layouts_know_what_denoises():
    knowing = {}
    for path in ROOT.glob("studio/engine/**/*.py"):
        if said := said_of_architectures(path):
            knowing[module_of(path).removeprefix("studio.")] = said
    assert not {module: said for module, said in knowing.items() if module not in KNOW_THEIR_ARCHITECTURE}
    assert knowing.keys() == KNOW_THEIR_ARCHITECTURE, "who knows no architecture any more must leave the list"


def test_what_only_one_architecture_has_is_seen_however_it_is_said(written):
    text = "def f(p, use):\n    'p.unet'\n    p.unet(time_ids=1)\n    use.unet, getattr(p, 'unet.conv_in')\n"
    assert said_of_architectures(written("studio/engine/new.py", text)) == {"p.unet", "time_ids=", "'unet.conv_in'"}
