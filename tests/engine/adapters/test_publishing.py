"""Publishing, against a hub of our own on loopback that takes what huggingface_hub sends."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from studio.engine.adapters.publishing import WEIGHTS, publish

TOKEN = "hf_of_mine"


class Hub(BaseHTTPRequestHandler):
    """Creates repositories and takes commits of whole files, for the one who has the token."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.answer(401, {"error": "Invalid username or password."})
        path, hub = self.path.partition("?")[0], self.server
        if path == "/api/repos/create":
            hub.made = json.loads(body)
            return self.answer(200, {"url": f"{hub.url}/mika/lora"})
        if path == "/api/validate-yaml":
            return self.answer(200, {"errors": [], "warnings": []})
        if "/preupload/" in path:
            files = json.loads(body)["files"]
            return self.answer(
                200, {"files": [{"path": one["path"], "uploadMode": "regular", "shouldIgnore": False} for one in files]}
            )
        if "/commit/" in path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    hub.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            return self.answer(200, {"commitUrl": f"{hub.url}/mika/lora/commit/1", "commitOid": "1" * 40})
        return self.answer(404, {})

    def do_GET(self):
        self.answer(404, {"error": "not found"})

    def answer(self, status, data):
        text = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *told):
        pass


@pytest.fixture
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.url, server.files, server.made = f"http://127.0.0.1:{server.server_port}", {}, None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def lora(trains, library):
    return library.lora(list(trains(steps=1, class_images=0))[-1].slug)


def test_a_lora_is_published_with_its_card_and_pictures_when_asked(hub, lora, draws, toy, pipelines):
    picture = draws("sks girl, smiling", family=toy)[0]
    url = publish(
        lora, "mika/lora", [picture], token=TOKEN, private=True, endpoint=hub.url, pipelines=pipelines, family=toy
    )
    assert url.endswith("/mika/lora")
    assert hub.made["name"] == "lora" and (hub.made.get("private") or hub.made.get("visibility") == "private")
    assert hub.files.keys() == {WEIGHTS, "README.md", "images/0.png"}
    assert hub.files[WEIGHTS] == lora.path.read_bytes()
    _, front, text = hub.files["README.md"].decode().split("---\n", 2)
    told = yaml.safe_load(front)
    assert told["instance_prompt"] == "sks girl" and {"lora", "template:diffusion-lora"} <= set(told["tags"])
    assert told["widget"] == [{"text": "sks girl, smiling", "output": {"url": "images/0.png"}}]
    assert 'load_lora_weights("mika/lora")' in text and "<Gallery />" in text


def test_what_the_hub_refuses_is_told_with_the_remedy(hub, lora, toy, pipelines):
    asked = {"private": True, "endpoint": hub.url, "pipelines": pipelines, "family": toy}
    with pytest.raises(ValueError, match="take one that may write"):
        publish(lora, "mika/lora", [], token="hf_of_nobody", **asked)
    with pytest.raises(ValueError, match="must be called owner/name"):
        publish(lora, "what is this//", [], token=TOKEN, **asked)
    assert hub.files == {}
    hub.shutdown()
    hub.server_close()
    with pytest.raises(ValueError, match="cannot be reached"):
        publish(lora, "mika/lora", [], token=TOKEN, **asked)
