import socket
import urllib.error
import urllib.request
from pathlib import Path

import app
import studio
from studio.settings import Settings

ROOT = Path(__file__).resolve().parent.parent


def test_a_taken_port_names_the_remedy(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert app.main(["--port", str(port)]) == 2
    assert f"Port {port} is taken; stop what uses it, or choose another with --port." in capsys.readouterr().err
    assert not (tmp_path / "library").exists()


def test_without_a_port_the_first_free_one_is_taken():
    assert app.free_port(Settings()) in range(app.FIRST_PORT, app.FIRST_PORT + app.PORTS)


def test_an_address_that_is_not_here_names_the_remedy(capsys):
    assert app.main(["--host", "192.0.2.1", "--port", "7860"]) == 2
    assert "192.0.2.1 is no address of this machine" in capsys.readouterr().err


def test_an_unknown_family_lists_the_known(tmp_path, capsys):
    assert app.main(["--family", "flux", "--library", str(tmp_path / "library")]) == 2
    assert "no family 'flux'; known are pocket, sdxl, sd15" in capsys.readouterr().err


def test_the_page_may_show_pictures_and_nothing_else_of_the_library(tmp_path):
    with studio.open(tmp_path / "library") as desk:
        options = app.launch_options(desk, Settings(), 7860)
        allowed = options["allowed_paths"]
        assert str(desk.library.root / "pictures") in allowed
        assert not {str(ROOT), str(desk.library.root), str(desk.library.root / "runs")} & set(allowed)
        assert options["max_file_size"] == "25mb" and options["share"] is False
        assert not any(options[name] for name in ("show_error", "enable_monitoring", "run_history", "ssr_mode"))


def status(address):
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def test_the_page_is_served_and_keeps_its_files_to_itself(served):
    library = served.library
    (library / "runs" / "x").mkdir(parents=True)
    (library / "runs" / "x" / "run.json").write_text("{}")
    for secret in (ROOT / "app.py", library / "runs" / "x" / "run.json", "/etc/passwd"):
        assert status(f"{served.url}/gradio_api/file={secret}") == 403
    picture = library / "pictures" / "shown.txt"
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_text("shown")
    assert status(f"{served.url}/gradio_api/file={picture}") == 200
