"""Each endpoint as a client meets it: what it takes, what it says to nonsense, and what nobody may reach through it."""

import json
from dataclasses import KW_ONLY, MISSING, dataclass, fields

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

import app
import studio
from studio.contracts.requests import DrawRequest, RepaintRequest, SetRequest, TrainRequest, WearRequest
from studio.contracts.sampling import Sampling
from studio.settings import Settings
from studio.ui.app import build, look
from studio.ui.parameters import POSITIONS, parameters_of

DRAWING = [("/draw", DrawRequest), ("/draw_set", SetRequest), ("/repaint", RepaintRequest), ("/wear", WearRequest)]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A studio with one subject and one picture; no run of these tests gets as far as loading torch."""
    with studio.open(tmp_path_factory.mktemp("api") / "library") as opened:
        opened.library.add_subject("Mika", "girl", "sks", [Image.linear_gradient("L")])
        opened.library.save_picture(
            Image.new("RGB", (64, 64), "navy"),
            studio.Recipe(
                request={"type": "DrawRequest", **vars(DrawRequest(prompt="a <b>girl</b> on the beach", seed=7))},
                family={"name": "pocket", "title": "Pocket", "sha256": "0" * 64},
            ),
        )
        yield opened


@pytest.fixture(scope="module")
def address(desk):
    page = build(desk, Settings(library=desk.library.root))
    options = app.launch_options(desk, Settings(), port=0) | {"server_port": None, "quiet": True}
    _, url, _ = page.queue(max_size=32).launch(**look(), **options, prevent_thread_lock=True)
    yield url
    page.close(verbose=False)


@pytest.fixture(scope="module")
def client(address):
    return Client(address, verbose=False)


def sentence(client, *given, **named):
    with pytest.raises(AppError) as error:
        client.predict(*given, **named)
    said = str(error.value)
    assert "Traceback" not in said and ".py" not in said and "site-packages" not in said
    return said


@pytest.mark.parametrize("name, request_type", [("/train", TrainRequest), *DRAWING])
def test_parameters_are_the_fields_of_the_request_with_their_defaults(client, name, request_type):
    told = parameters(client, name)
    known = {field.name: field.default for field in fields(request_type)}
    assert {one["parameter_name"] for one in told} == known.keys() and len(told) == len(known)
    for one in told:
        default = known[one["parameter_name"]]
        assert one["parameter_has_default"] == (default is not MISSING)
        if default is not MISSING:
            assert one["parameter_default"] == default


def parameters(client, name):
    return client.view_api(return_format="dict", print_info=False)["named_endpoints"][name]["parameters"]


@pytest.mark.parametrize("name, request_type", [("/train", TrainRequest), *DRAWING])
def test_parameters_have_the_positions_that_clients_of_the_first_version_call_them_by(client, name, request_type):
    first = POSITIONS.get(request_type.__name__) or tuple(field.name for field in fields(request_type))
    assert tuple(one["parameter_name"] for one in parameters(client, name))[: len(first)] == first


def test_a_field_of_sampling_that_comes_later_is_the_last_parameter():
    @dataclass(frozen=True, kw_only=True)
    class Later(Sampling):
        of_later: int | None = None

    @dataclass(frozen=True)
    class DrawRequest(Later):
        prompt: str
        _: KW_ONLY
        outfit: str | None = None
        width: int | None = None
        height: int | None = None
        count: int = 1

    assert [one.name for one in parameters_of(DrawRequest)] == [*POSITIONS["DrawRequest"], "of_later"]


@pytest.mark.parametrize(
    "given, said",
    [
        ({"prompt": ""}, "prompt must not be empty"),
        ({"prompt": "x" * 3000}, "at most 2000 characters"),
        ({"prompt": "a girl", "count": 65}, "count must be 1 to 64, got 65"),
        ({"prompt": "a girl", "count": 1.5}, "count must be a whole number, got 1.5"),
        ({"prompt": "a girl", "count": "many"}, "count must be a number, got 'many'"),
        ({"prompt": "a girl", "steps": True}, "steps must be a number, got True"),
        ({"prompt": ["a", "list"]}, "prompt must be text"),
        ({"prompt": "a girl", "guidance": 1e9}, "guidance must be 0 to 30"),
        ({"prompt": "a girl", "width": 100}, "width must be a multiple of 8, got 100; try 96"),
        ({"prompt": "a girl", "lora": "../secret"}, "There is no LoRA"),
        ({"prompt": "a girl", "scheduler": "Magic"}, "There is no scheduler 'Magic'; known are"),
        ({"prompt": "a girl", "family": "flux"}, "There is no family 'flux'; known are pocket"),
    ],
)
def test_a_drawing_that_cannot_be_is_refused_in_a_sentence(client, given, said):
    assert said in sentence(client, api_name="/draw", **given)


@pytest.mark.parametrize(
    "name, given, said",
    [
        ("/train", {"subject": "nobody"}, "There is no subject 'nobody'; known are mika"),
        ("/train", {"subject": "mika", "rank": 0}, "rank must be 1 to 256, got 0"),
        ("/train", {"subject": ""}, "subject must not be empty"),
        ("/add_subject", {"name": "../x", "class_noun": "girl", "identifier": "sks"}, "name"),
        ("/add_subject", {"name": "", "class_noun": "girl", "identifier": "sks"}, "A subject needs a name"),
        ("/add_subject", {"name": "Leo", "class_noun": "", "identifier": "sks"}, "class noun must not be empty"),
        ("/edit_subject", {"subject": "../../etc", "name": "x"}, "subject"),
        ("/edit_photo", {"subject": "mika", "file": "nothing.png"}, "There is no photo 'nothing.png'"),
        ("/edit_photo", {"subject": "mika", "file": "picture-1.png", "crop": [1, 2]}, "crop must be four numbers"),
        ("/edit_photo", {"subject": "mika", "file": "picture-1.png", "crop": [0, 0, 9e9, 9e9]}, "leaves the photo"),
        ("/remove_photo", {"subject": "mika", "file": "../subject.json"}, "There is no photo"),
        ("/propose_identifier", {"count": 0}, "count must be 1 to 50"),
        ("/propose_identifier", {"name": "..."}, "no Latin letters"),
        ("/check_identifier", {"identifier": ["sks"]}, "identifier must be text"),
        ("/run_status", {"run": "nothing"}, "There is no run 'nothing'"),
        ("/cancel", {"run": "../.."}, "There is no run"),
        ("/replay", {"picture": "nothing"}, "There is no picture 'nothing'"),
        ("/favourite", {"picture": "/etc/passwd"}, "There is no picture"),
        ("/delete_picture", {"picture": "*"}, "There is no picture"),
        ("/restore_picture", {"picture": "nothing"}, "no deleted picture"),
        ("/pictures", {"count": 100_000}, "count must be 1 to 1000"),
        ("/family", {"name": "flux"}, "There is no family 'flux'"),
        ("/check_prompt", {"prompt": "a girl", "lora": "nobody"}, "nobody"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(client, name, given, said):
    assert said in sentence(client, api_name=name, **given)


def test_only_uploaded_files_are_taken_as_photos(client):
    for odd in ("/etc/passwd", {"path": "/etc/passwd"}, {"path": "../../etc/passwd"}, {"path": None}, 7):
        assert "only uploaded files are taken" in sentence(client, "mika", [odd], api_name="/add_photos")
    forged = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}, "url": None}
    with pytest.raises(Exception):  # noqa: B017 - the client itself may refuse to send it
        client.predict({**forged, "orig_name": "x.png"}, api_name="/read_recipe")


def test_bad_photos_are_named_one_by_one_and_the_rest_is_kept(client, photos, tmp_path):
    text, vector = tmp_path / "notes.png", tmp_path / "drawing.png"
    text.write_text("not a picture")
    vector.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    given = [handle_file(path) for path in (text, photos[0], vector)]
    added = client.predict("mika", given, api_name="/add_photos")
    assert [name for name, _ in added["refused"]] == ["notes.png", "drawing.png"]
    assert len(added["kept"]) == 1 and added["kept"][0]["width"] == 256
    said = sentence(client, "Leo", "boy", "zwx", photos=given[:1], api_name="/add_subject")
    assert "notes.png" in said
    assert [subject["slug"] for subject in client.predict(api_name="/subjects")] == ["mika"]


def test_a_subject_is_added_edited_and_removed(client, photos):
    files = [handle_file(path) for path in photos[1:3]]
    leo = client.predict("Leo", "boy", "zwx", photos=files, api_name="/add_subject")
    assert leo["trigger"] == "zwx boy" and len(leo["photos"]) == 2 and leo["refused"] == []
    file = leo["photos"][0]["file"]
    changed = client.predict("leo", file, caption="  a   cartoon ", crop=[0, 0, 100, 100], api_name="/edit_photo")
    assert changed["caption"] == "a cartoon" and changed["crop"] == [0, 0, 100, 100]
    assert client.predict("leo", name="Leonard", api_name="/edit_subject")["name"] == "Leonard"
    assert len(client.predict("leo", file, api_name="/remove_photo")["photos"]) == 1
    assert [subject["slug"] for subject in client.predict("leo", api_name="/remove_subject")] == ["mika"]


def test_a_picture_is_found_marked_deleted_and_brought_back(client):
    (picture,) = client.predict(search="beach", api_name="/pictures")
    assert picture["recipe"]["request"]["seed"] == 7
    assert client.predict(picture["id"], api_name="/favourite")["favourite"] is True
    assert client.predict(favourites=True, api_name="/pictures")[0]["id"] == picture["id"]
    client.predict(picture["id"], api_name="/delete_picture")
    assert client.predict(api_name="/pictures") == []
    assert client.predict(picture["id"], api_name="/restore_picture")["id"] == picture["id"]


def test_the_settings_inside_a_png_come_back(client, desk):
    picture = desk.library.pictures()[0]
    told = client.predict(handle_file(picture.path), api_name="/read_recipe")
    assert told["request"]["prompt"] == "a <b>girl</b> on the beach" and told["request"]["seed"] == 7
    said = sentence(client, handle_file(desk.library.subject("mika").photos[0].path), api_name="/read_recipe")
    assert "has no recipe inside" in said


def test_private_endpoints_are_harmless(client, address, desk):
    """Every one of them, called past the client with nonsense, says a sentence or nothing, and changes nothing."""
    before = contents(desk.library.root)
    private = [one for one in client.config["dependencies"] if one["api_visibility"] == "private" and one["backend_fn"]]
    assert len(private) > 20
    nonsense = (None, {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, [7])
    for number, value in enumerate(nonsense):
        for said in called(address, f"nobody{number}", {one["id"]: [value] * len(one["inputs"]) for one in private}):
            assert "Traceback" not in said and "root:" not in said and ".py" not in said
    assert contents(desk.library.root) == before


def contents(root):
    return {
        str(path): path.read_bytes() for path in root.rglob("*") if path.is_file() and "thumbnails" not in path.parts
    }


def called(address, session, given):
    """What the server answers to calls of these functions (number -> values) past its page, as text."""
    with httpx.Client(base_url=address, timeout=30) as server:
        answers, waiting = [], 0
        for number, values in given.items():
            said = server.post(
                "gradio_api/queue/join",
                json={
                    "data": values,
                    "fn_index": number,
                    "session_hash": session,
                    "event_data": {"act": "delete", "id": "x"},
                },
            )
            waiting += said.status_code == 200
            answers.append(said.text)
        with server.stream("GET", f"gradio_api/queue/data?session_hash={session}") as stream:
            for line in stream.iter_lines():
                answers.append(line)
                waiting -= line.startswith("data:") and json.loads(line[5:])["msg"] == "process_completed"
                if waiting == 0:
                    return answers
    return answers
