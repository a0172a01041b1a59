"""docs/api.md runs as it stands, on the served studio; only the training is made shorter."""

import re
from pathlib import Path

from PIL import Image, ImageChops

from studio.contracts.recipes import read_png
from studio.library.family_files import built_in

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")


def test_the_blocks_of_the_api_page_run_one_after_another(served, photos, tmp_path, monkeypatch, capsys):
    (tmp_path / "photos").mkdir()
    for photo in photos:
        (tmp_path / "photos" / photo.name).write_bytes(photo.read_bytes())
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
    shorter = {"http://127.0.0.1:7860": served.url, "steps=150": "steps=3"}
    for long, short in shorter.items():
        assert long in code
        code = code.replace(long, short)
    names: dict = {}
    exec(compile(code, "docs/api.md", "exec"), names)

    first, again = (Image.open(picture["file"]).convert("RGB") for picture in (names["drawn"][0], names["again"]))
    assert (
        first.size == (built_in()["pocket"].resolution,) * 2 and ImageChops.difference(first, again).getbbox() is None
    )
    assert read_png(Path(names["drawn"][1]["file"])).request["seed"] == 8
    assert names["told"]["status"] == "finished" and names["told"]["step"] == 3
    assert [len(point) for point in names["told"]["loss"]] == [2, 2, 2]
    assert names["settings"]["request"]["seed"] == 7 and names["settings"]["remarks"] == []
    assert "'moon'" in capsys.readouterr().out or not names["family"]["words"]


def test_every_endpoint_has_its_place_on_the_api_page(served):
    from gradio_client import Client

    client = Client(served.url, verbose=False)
    told = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert told.keys() == set(re.findall(r"`(/\w+)", PAGE)) | set(re.findall(r'api_name="(/\w+)"', PAGE))
