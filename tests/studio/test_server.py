"""The studio's server: what it answers, and what it refuses though the answer would have been possible."""

import asyncio
import base64
import json
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from io import BytesIO

import pytest
from PIL import Image

pytest.importorskip("starlette", reason="needs the extra 'studio'")
pytest.importorskip("httpx2", reason="Starlette's test client needs httpx2")

from click.testing import CliRunner
from starlette.testclient import TestClient

from spatialgan.cli.main import main
from spatialgan.models.opened import open_model
from spatialgan.scenes.complete import scene_from_seed
from spatialgan.scenes.scene_file import scene_text
from spatialgan.studio import answers, serve, worker
from spatialgan.studio.admission import LOOPBACK, Admission
from spatialgan.studio.app import studio_app
from spatialgan.studio.serve import admission_of, listen
from spatialgan.studio.streams import Occupied, Slots
from tests.studio.damage import malformed
from tests.tiny import tiny_snapshot

PORT = 8017
HEADERS = {"x-spatialgan": "1", "content-type": "application/json"}
LEAST = {"format": "spatialgan scene 1", "model": "room", "seed": 3}
PAIR = {"handles": [[0.0, 0.0]], "targets": [[0.0, 0.5]]}
SHORT = {"method": "latent", "mask": "", "max_steps": 3, "tolerance_px": 1.0}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return open models `room`, with objects, and `cat`, a hierarchy."""
    folder = tmp_path_factory.mktemp("models")
    rows = {"room": "indoor", "cat": "spatialgan"}
    paths = {name: tiny_snapshot(folder / f"{name}.safetensors", row) for name, row in rows.items()}
    opened = {name: open_model(str(path)) for name, path in paths.items()}
    return {name: type(model)(name, model.sha256, model.snapshot) for name, model in opened.items()}


@pytest.fixture(scope="module")
def app(models):
    return studio_app(models, Admission(PORT))


@pytest.fixture(scope="module")
def client(app):
    """Return a client as the page is one."""
    with TestClient(app, base_url=f"http://127.0.0.1:{PORT}", headers=HEADERS) as client:
        yield client


def still_renders(client):
    answer = client.post("/render", json=LEAST)
    return answer.status_code == 200 and len(answer.content) == 16 * 16 * 4


def test_models_are_listed_with_a_scene_to_begin_with(client):
    listed = client.get("/models").json()["models"]
    assert [model["name"] for model in listed] == ["room", "cat"]
    assert [len(model["levels"]) for model in listed] == [1, 3]
    assert json.loads(listed[1]["scene"])["model"] == "cat"
    assert listed[0]["methods"][0]["name"] == "coarse+latent+centers"


def test_an_image_is_that_of_the_command_line_bit_for_bit(client, models, tmp_path, monkeypatch):
    document = client.post("/edit", json={"scene": LEAST, "edits": ["move 0:0.1,0.2"]}).text
    raw = client.post("/render", content=document)
    png = client.post("/render", content=document, headers={"accept": "image/png"})
    assert Image.open(BytesIO(png.content)).convert("RGBA").tobytes() == raw.content
    path = tiny_snapshot(tmp_path / "room.safetensors", "indoor")
    (tmp_path / "s.json").write_text(json.dumps({**json.loads(document), "model": str(path)}))
    result = CliRunner().invoke(main, ["render", str(tmp_path / "s.json")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "s.png").read_bytes() == png.content


def test_what_a_scene_leaves_out_is_drawn(client, models):
    answer = client.post("/edit", json={"scene": LEAST, "edits": []})
    assert answer.text == scene_text(scene_from_seed(models["room"], 3))


def test_edits_are_those_of_the_command_line(client):
    words = ["restyle 1:9", "remove 0", "copy 1:0.1,0.1"]
    edited = client.post("/edit", json={"scene": LEAST, "edits": words}).json()
    assert edited["styles"]["objects"] == [{"seed": 9, "object": 1}, 9, 3]


def test_no_edit_reads_a_file(client, tmp_path):
    answer = client.post("/edit", json={"scene": LEAST, "edits": [f"along {tmp_path}/d:0:1"]})
    assert answer.status_code == 400 and "unknown edit 'along'" in answer.json()["error"]


def test_strip_and_film(client):
    moved = client.post("/edit", json={"scene": LEAST, "edits": ["move 0:0.1,0.2"]}).json()
    strip = client.post("/strip", json={"before": LEAST, "after": moved})
    assert Image.open(BytesIO(strip.content)).format == "PNG"
    film = client.post("/film", json={"scenes": [LEAST, moved, LEAST]})
    assert Image.open(BytesIO(film.content)).n_frames == 33
    assert client.post("/film", json={"scenes": [LEAST]}).status_code == 400
    other = client.post("/strip", json={"before": LEAST, "after": {**LEAST, "model": "cat"}})
    assert "scenes of different models, cat and room" in other.json()["error"]


def events(answer):
    lines = [line for line in answer.iter_lines() if line.startswith("data: ")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def test_a_drag_is_streamed_step_by_step_and_ends_in_a_scene(client):
    with client.stream("POST", "/drag", json={"scene": LEAST, **PAIR, **SHORT}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        steps = events(answer)
    assert [step["step"] for step in steps] == list(range(len(steps)))
    assert steps[-1]["outcome"] in ("step cap", "reached")
    image = client.post("/render", content=steps[-1]["scene"]).content
    assert base64.b64decode(steps[-1]["image"]) == image


def test_a_mask_keeps_what_is_black(client):
    half = base64.b64encode(bytes([255] * 128 + [0] * 128)).decode()
    request = {"scene": LEAST, **PAIR, **SHORT, "mask": half}
    with client.stream("POST", "/drag", json=request) as answer:
        assert len(events(answer)) > 1
    for mask, message in (
        ("AAAA", "mask has 3 pixels"),
        ("#", "not text in base64"),
        (base64.b64encode(bytes(256)).decode(), "leaves nothing that may change"),
    ):
        assert message in client.post("/drag", json={**request, "mask": mask}).json()["error"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"handles": [[0, 0]] * 33, "targets": [[0, 0.5]] * 33}, "at most 32 points"),
        ({"handles": [[0, 0], [0, 0]]}, "2 and 1"),
        ({"handles": [[0]]}, "not a point"),
        ({"targets": [[0, 2]]}, "outside the image"),
        ({"method": "magic"}, "unknown method 'magic'"),
        ({"max_steps": 10**6}, "max_steps is 1000000"),
        ({"extra": 1}, "a drag must be a JSON object with"),
    ],
)
def test_a_drag_that_can_not_be_done_is_one_line(client, change, message):
    answer = client.post("/drag", json={"scene": LEAST, **PAIR, **SHORT, **change})
    assert answer.status_code == 400 and message in answer.json()["error"]
    assert still_renders(client)


def photo_of(client, seed):
    """Return the image of a seed's scene as the page would send a photo."""
    rgba = client.post("/render", json={**LEAST, "seed": seed}).content
    rgb = bytes(value for i, value in enumerate(rgba) if i % 4 != 3)
    return base64.b64encode(rgb).decode()


@pytest.mark.unchecked
def test_a_photo_is_found_step_by_step_and_becomes_a_scene(client):
    request = {"model": "room", "photo": photo_of(client, 300), "max_steps": 12}
    with client.stream("POST", "/invert", json=request) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        steps = events(answer)
    assert [step["step"] for step in steps] == [0] * 8 + list(range(13))  # 256 samples first
    assert steps[-1]["outcome"] == "steps" and steps[-1]["psnr"] > steps[0]["psnr"]
    image = client.post("/render", content=steps[-1]["scene"]).content
    assert base64.b64decode(steps[-1]["image"]) == image
    moved = {"scene": json.loads(steps[-1]["scene"]), "edits": ["move 0:0,0.3"]}
    assert client.post("/edit", json=moved).status_code == 200


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"photo": "AAAA"}, "photo has 3 bytes: 16 rows of 16 RGB pixels are 768"),
        ({"photo": "#"}, "photo is not text in base64"),
        ({"photo": 3}, "photo"),
        ({"model": "dog"}, "choose one of room, cat"),
        ({"max_steps": 0}, "max_steps is 0"),
        ({"max_steps": 1.5}, "max_steps"),
        ({"extra": 1}, "a photo must come as a JSON object with"),
    ],
)
def test_a_photo_that_is_none_is_one_line(client, change, message):
    request = {"model": "room", "photo": base64.b64encode(bytes(768)).decode(), "max_steps": 1}
    answer = client.post("/invert", json={**request, **change})
    assert answer.status_code == 400 and message in answer.json()["error"]
    assert still_renders(client)


def ask(app, path, body, **headers):
    """Return the status that a POST gets whose client has gone once the body is read."""
    statuses = []
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message):
        statuses.append(message.get("status"))

    headers = {"host": f"127.0.0.1:{PORT}", **HEADERS, **headers}
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
        "server": ("127.0.0.1", PORT),
    }
    asyncio.run(app(scope, receive, send))
    return statuses[0]


def test_a_request_whose_client_has_gone_is_not_computed(models, monkeypatch):
    computed = []

    def noted(data, models):
        computed.append(data)
        return b""

    monkeypatch.setattr(answers, "rgba", noted)
    app = studio_app(models, Admission(PORT))
    assert ask(app, "/render", json.dumps(LEAST).encode()) == 499
    assert computed == []
    with TestClient(app, base_url=f"http://127.0.0.1:{PORT}", headers=HEADERS) as client:
        assert client.post("/render", json=LEAST).status_code == 200
    assert computed == [LEAST]
    drag = json.dumps({"scene": LEAST, **PAIR, **SHORT}).encode()
    for _ in range(3):  # a slot that was not given back would say 409
        assert ask(app, "/drag", drag, **{"x-spatialgan-client": "me"}) == 499


def test_one_job_at_a_time_per_client_and_few_of_all():
    slots = Slots()
    slots.take("me")
    with pytest.raises(Occupied, match="already in progress: stop it first"):
        slots.take("me")
    for name in ("you", "she", "he"):
        slots.take(name)
    with pytest.raises(Occupied, match="other people's drags"):
        slots.take("they")
    slots.free("me")
    slots.take("they")


def test_more_requests_than_the_server_keeps_are_told_so(models, monkeypatch):
    monkeypatch.setattr(worker, "MAX_WAITING", 0)
    app = studio_app(models, Admission(PORT))
    with TestClient(app, base_url=f"http://127.0.0.1:{PORT}", headers=HEADERS) as client:
        answer = client.post("/render", json=LEAST)
    assert answer.status_code == 503 and "try again" in answer.json()["error"]


def test_a_model_that_is_not_there_is_one_line():
    result = CliRunner().invoke(main, ["studio", "dog", "--no-open", "--port", "0"])
    assert result.exit_code == 1 and "unknown model 'dog': choose one of" in result.output


REFUSED = {
    "foreign host": ({"host": f"evil.example:{PORT}"}, 421),
    "other port": ({"host": "127.0.0.1:80"}, 421),
    "no port": ({"host": "127.0.0.1"}, 421),
    "foreign origin": ({"origin": "http://evil.example"}, 403),
    "origin of a file": ({"origin": "null"}, 403),
    "other port's origin": ({"origin": "http://127.0.0.1:3000"}, 403),
    "cross-site fetch": ({"sec-fetch-site": "cross-site"}, 403),
    "plain text": ({"content-type": "text/plain"}, 415),
    "form": ({"content-type": "application/x-www-form-urlencoded"}, 415),
}


@pytest.mark.parametrize("name", REFUSED)
def test_requests_that_are_not_the_page_s_are_refused(client, name):
    headers, status = REFUSED[name]
    for path in ("/render", "/edit", "/strip", "/film", "/drag", "/invert", "/nowhere"):
        answer = client.post(path, json=LEAST, headers=headers)
        assert answer.status_code == status, path
        assert "access-control-allow-origin" not in answer.headers
    assert still_renders(client)


def test_a_post_without_the_page_s_header_is_refused(app):
    plain = {"content-type": "application/json"}
    with TestClient(app, base_url=f"http://localhost:{PORT}", headers=plain) as client:
        answer = client.post("/render", json=LEAST)
        assert answer.status_code == 403 and "x-spatialgan" in answer.json()["error"]
        own = {"x-spatialgan": "1", "origin": f"http://localhost:{PORT}"}
        assert client.post("/render", json=LEAST, headers=own).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../app.py",
        "/%2e%2e/app.py",
        "/..%2fapp.py",
        "//etc/passwd",
        "/index.html/../../app.py",
        "/static/index.html",
        "/%00",
        "/render/",
        "/models/../render",
        "/" + "a/" * 2000,
    ],
)
def test_tricks_with_paths_lead_nowhere(client, path):
    assert client.get(path).status_code in (404, 405)
    assert still_renders(client)


def test_the_path_is_the_server_s_whatever_the_request_calls_itself(client):
    """A Host with a path in it must not change which path is decided on."""
    assert (
        client.post("/render", json=LEAST, headers={"host": f"127.0.0.1:{PORT}/x"}).status_code
        == 421
    )
    assert client.get("http://127.0.0.1:8017/render").status_code == 405


def test_a_body_beyond_the_limit_is_refused(client):
    answer = client.post("/render", content=b" " * 2_000_000)
    assert answer.status_code == 413 and "1,000,000 bytes" in answer.json()["error"]
    assert still_renders(client)


@pytest.mark.unchecked
def test_a_scene_of_ten_thousand_objects_is_refused(client):
    crowd = [[{"center": [0, 0], "sigma": 0.2}] * 10_000]
    answer = client.post("/render", json={**LEAST, "layout": crowd})
    assert answer.status_code == 400 and "layout, level 0: 10,000 given" in answer.json()["error"]
    assert still_renders(client)


def test_models_are_known_by_the_names_given_only(client, tmp_path):
    path = tiny_snapshot(tmp_path / "other.safetensors", "indoor")
    for name in (str(path), "bedroom", "../room"):
        answer = client.post("/render", json={**LEAST, "model": name})
        assert answer.status_code == 400 and "choose one of room, cat" in answer.json()["error"]


@pytest.mark.slow
@pytest.mark.unchecked
@pytest.mark.parametrize("model", ["room", "cat"])
def test_a_thousand_malformed_scenes_end_in_a_line_each(client, model):
    """Of both models together; with changes as drags leave them, and everything else that a scene may have."""
    drag = {"scene": {**LEAST, "model": model}, **PAIR, **SHORT}
    with client.stream("POST", "/drag", json=drag) as answer:
        scene = json.loads(events(answer)[-1]["scene"])
    assert set(scene["changes"]) >= {"latent"}
    before = client.post("/render", json=scene).content
    del scene["model_sha256"]  # which would notice most damage first
    statuses = {200: 0, 400: 0}
    for body in malformed(json.dumps(scene), 500):
        answer = client.post("/render", content=body)
        statuses[answer.status_code] += 1
        if answer.status_code == 400:
            error = answer.json()["error"]
            assert error and len(error) < 500 and error.isprintable(), body
        else:
            assert len(answer.content) == 16 * 16 * 4
    assert statuses[400] > 300 and statuses[200] > 10, statuses
    assert client.post("/render", json=scene).content == before


@pytest.mark.unchecked
def test_malformed_scenes_end_in_a_line_wherever_a_scene_goes(client):
    text = client.post("/edit", json={"scene": LEAST, "edits": []}).text
    bodies = {
        "/edit": '{"scene": %s, "edits": ["restyle 0"]}',
        "/strip": '{"before": %s, "after": {}}',
        "/film": '{"scenes": [%s, 1]}',
        "/drag": '{"scene": %s, "handles": [], "targets": [], "method": "latent", "mask": "", '
        '"max_steps": 1, "tolerance_px": 1}',
        "/attention": "%s",
    }
    for path, body in bodies.items():
        for scene in malformed(text, 40, seed=1):
            answer = client.post(path, content=body.encode() % scene)
            assert answer.status_code in ((200, 400) if path == "/edit" else (400,)), scene
    assert still_renders(client)


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"[" * 200_000, b'{"a": 1, "a": 2}', b"NaN", b"9" * 5000, b"null"]
)
def test_a_body_that_is_no_scene_is_one_line(client, body):
    for path in ("/render", "/edit", "/strip", "/film", "/drag", "/invert"):
        answer = client.post(path, content=body)
        assert answer.status_code == 400 and answer.json()["error"]
    assert still_renders(client)


def test_every_answer_has_the_headers_that_keep_others_out(client):
    for answer in (client.get("/"), client.get("/nowhere"), client.post("/render", json=LEAST)):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'self';") and "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_beyond_loopback_a_token_is_needed(models):
    admission = admission_of("0.0.0.0", PORT)
    assert len(admission.token) >= 32 and admission.token != admission_of("::", PORT).token
    app = studio_app(models, admission)
    address = f"http://127.0.0.1:{PORT}"
    with TestClient(app, base_url=address, headers=HEADERS) as client:
        assert client.get("/").status_code == 200  # the page itself says nothing about anybody
        for token in ("", "x", admission.token[:-1], "é"):
            headers = {"x-spatialgan-token": token.encode()}
            assert client.get("/models", headers=headers).status_code == 403
            assert client.post("/render", json=LEAST, headers=headers).status_code == 403
        headers = {"x-spatialgan-token": admission.token}
        assert client.post("/render", json=LEAST, headers=headers).status_code == 200
        foreign = {**headers, "host": f"evil.example:{PORT}"}
        assert client.post("/render", json=LEAST, headers=foreign).status_code == 421


def test_on_loopback_no_token_is_needed():
    assert admission_of("127.0.0.1", PORT) == Admission(PORT)
    assert admission_of("127.0.0.1", PORT).names == LOOPBACK


def _asked(connection):
    """Return how the answer to a connection's request for the page begins."""
    port = connection.getpeername()[1]
    connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port)
    return connection.recv(100)


@contextmanager
def _listening():
    """Serve bedroom in a thread; yield the address."""
    studio = serve.make_studio(["bedroom"], "127.0.0.1", 0, {})
    thread = threading.Thread(target=studio.server.run, kwargs={"sockets": [studio.listener]})
    thread.start()
    try:
        yield studio.listener.getsockname()
    finally:
        studio.server.should_exit = True
        thread.join()


def _soon_answered(address):
    """Return how the answer begins once the server has seen others go."""
    for _ in range(50):
        with socket.create_connection(address) as connection:
            begin = _asked(connection)
        if b"HTTP/1.1 200" in begin:
            break
        time.sleep(0.05)
    return begin


def test_connections_are_bounded_and_with_them_the_bodies_in_memory(monkeypatch):
    monkeypatch.setattr(serve, "MAX_CONNECTIONS", 2)
    with _listening() as address:
        with socket.create_connection(address), socket.create_connection(address) as second:
            assert b"HTTP/1.1 503" in _asked(second)
        assert b"HTTP/1.1 200" in _soon_answered(address)


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"])
def test_connections_that_stay_silent_keep_nobody_out(sent, monkeypatch):
    monkeypatch.setattr(serve, "IDLE_SECONDS", 0.5)
    with _listening() as address, ExitStack() as stack:
        for _ in range(300):
            idle = stack.enter_context(socket.create_connection(address))
            idle.sendall(sent)
        assert b"HTTP/1.1 200" in _soon_answered(address)


def test_answers_are_not_held_back_until_the_browser_acknowledges_their_headers():
    async def connect(listener):
        told = asyncio.get_running_loop().create_future()
        server = await asyncio.start_server(
            lambda _, writer: told.set_result(writer), sock=listener
        )
        async with server:
            _, client = await asyncio.open_connection(*listener.getsockname())
            writer = await told
            connection = writer.get_extra_info("socket")
            found = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            for each in (writer, client):
                each.close()
            return found

    assert asyncio.run(connect(listen("127.0.0.1", 0)))


def test_a_port_in_use_is_one_line():
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"127.0.0.1, port {port}: .*choose another --port"):
            listen("127.0.0.1", port)
