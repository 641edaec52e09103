"""Public sets are fetched from a server that speaks ranges, cuts connections, and at times has something else."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from training.corpus import CorpusError, public, read_public
from training.corpus.download import Progress, download
from training.corpus.fetching import fetch
from training.corpus.preparation import songys_pairs

CSV = (
    "Q,A,label\n"
    + "배고파,밥부터  챙겨 드세요.,0\n" * 2
    + '"아, 졸려",잠깐 눈을 붙여 볼까요?,0\n헤어졌어,마음이 아프겠어요.,1\n'
).encode()
LARGE = bytes(range(256)) * 4_000
AT_ONCE = (0.0, 0.0)


class Server(ThreadingHTTPServer):
    """Serves ``content`` in pieces of at most ``cut`` bytes a connection."""

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.cut, self.ranges, self.status = content, len(content), True, 200
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/ChatbotData.csv"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        server.asked.append(self.headers["Range"])
        start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-")) if self.headers["Range"] else 0
        start = start if server.ranges else 0
        rest = server.content[start:]
        status = server.status if server.status != 200 else 416 if start and not rest else 206 if start else 200
        self.send_response(status)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
        self.send_header("Content-Length", str(len(rest)))  # more than is sent, where the connection is cut
        self.end_headers()
        if status in (200, 206):
            self.wfile.write(rest[: server.cut])
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Server(LARGE)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def manifest(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A set that has an address, and one that is had prepared only."""
    server.content, server.cut = CSV, len(CSV)
    path = tmp_path / "manifest.toml"
    path.write_text(
        f'[songys]\nfile = "songys.jsonl"\nsha256 = "{hashlib.sha256(songys_pairs(CSV)).hexdigest()}"\n'
        f'url = "{server.url}"\nbytes = {len(CSV)}\npreparation = "songys_pairs"\n'
        f'[other]\nfile = "other.jsonl"\nsha256 = "{hashlib.sha256(OTHER).hexdigest()}"\n'
    )
    monkeypatch.setattr(public, "MANIFEST", path)
    return path


OTHER = '{"turns": ["안녕", "반가워요."]}\n'.encode()


@contextmanager
def printed(name: str, size: int) -> Iterator[Progress]:
    print(name, size)
    yield print


def test_a_download_that_is_cut_goes_on_where_it_was_cut(server: Server, tmp_path: Path) -> None:
    server.cut = 300_000
    seen: list[int] = []
    download(server.url, tmp_path / "file", len(LARGE), seen.append, AT_ONCE)
    assert (tmp_path / "file").read_bytes() == LARGE
    assert len(server.asked) == 4
    assert server.asked[0] is None and server.asked[-1] == "bytes=900000-"
    assert seen == sorted(seen) and seen[-1] == len(LARGE)


def test_what_an_earlier_run_received_is_kept(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(LARGE[:1_000])
    download(server.url, tmp_path / "file", len(LARGE), print, AT_ONCE)
    assert server.asked == ["bytes=1000-"]
    assert (tmp_path / "file").read_bytes() == LARGE
    assert not (tmp_path / "file.part").exists()


def test_a_server_without_ranges_begins_anew(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    (tmp_path / "file.part").write_bytes(b"x" * 1_000)
    download(server.url, tmp_path / "file", len(LARGE), print, AT_ONCE)
    assert (tmp_path / "file").read_bytes() == LARGE


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"status": 404}, "404"),
        ({"status": 503}, "503; run it again to go on"),
        ({"cut": 0}, "run it again"),
        ({"content": LARGE + b"x"}, "1,024,001 bytes"),
        ({"content": LARGE[:-1]}, "1,023,999 bytes"),
    ],
)
def test_what_cannot_be_had_is_said(server: Server, tmp_path: Path, change: dict[str, object], named: str) -> None:
    for name, value in change.items():
        setattr(server, name, value)
    with pytest.raises(CorpusError, match=named):
        download(server.url, tmp_path / "file", len(LARGE), print, AT_ONCE)
    assert not (tmp_path / "file").exists()


@pytest.mark.usefixtures("manifest")
def test_a_set_is_downloaded_and_prepared_once(server: Server, tmp_path: Path) -> None:
    outcomes = dict(fetch(tmp_path / "out", None, printed))
    assert outcomes["songys"].startswith("prepared from ChatbotData.csv")
    assert "prepared only" in outcomes["other"]
    talks = read_public(tmp_path / "out")
    assert [talk.turns for talk in talks] == [
        ("배고파", "밥부터 챙겨 드세요."), ("아, 졸려", "잠깐 눈을 붙여 볼까요?"), ("헤어졌어", "마음이 아프겠어요."),
    ]  # fmt: skip
    assert dict(fetch(tmp_path / "out", None, printed))["songys"].startswith("was there already")
    assert len(server.asked) == 1


@pytest.mark.usefixtures("manifest")
def test_local_copies_are_taken_prepared_or_raw(server: Server, tmp_path: Path) -> None:
    (tmp_path / "ChatbotData.csv").write_bytes(CSV)
    (tmp_path / "other.jsonl").write_bytes(OTHER)
    outcomes = dict(fetch(tmp_path / "out", tmp_path, printed))
    assert outcomes["songys"].startswith("prepared") and outcomes["other"].startswith("copied")
    assert len(read_public(tmp_path / "out")) == 4
    assert not server.asked


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("songys.jsonl", OTHER, "sha256 differs"),
        ("ChatbotData.csv", CSV.replace(b"0", b"2"), "sha256 differs"),
        ("ChatbotData.csv", CSV[:-1], "bytes"),
        ("ChatbotData.csv", b"x" * len(CSV), "not the CSV file"),
        ("else.txt", b"", "neither songys.jsonl nor ChatbotData.csv"),
    ],
)
@pytest.mark.usefixtures("manifest")
def test_a_local_copy_that_is_something_else_is_refused(tmp_path: Path, name: str, content: bytes, named: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=named):
        dict(fetch(tmp_path / "out", tmp_path, printed))
    assert not list((tmp_path / "out").glob("*.jsonl"))


def test_a_prepared_line_names_source_and_licence() -> None:
    first = json.loads(songys_pairs(CSV).splitlines()[0])
    assert first == {
        "source": "songys/Chatbot_data@4cf20d1", "license": "MIT", "label": 0, "turns": ["배고파", "밥부터 챙겨 드세요."],
    }  # fmt: skip
