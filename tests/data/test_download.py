"""Downloads from a host on this machine: whole, broken off, stalled; what is shown, and what is left."""

import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kdrep.data import cifar, corpora, download
from kdrep.data import mnist as mnist_files
from kdrep.data.datasets import DataError

PATIENCE = 0.5  # seconds, here


class Host(ThreadingHTTPServer):
    """Gives `files` by their names as `manner` says."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.files, self.manner, self.closing = {}, "whole", threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Answer(BaseHTTPRequestHandler):
    """One answer of a host."""

    def do_GET(self):
        content = self.server.files.get(self.path.strip("/"))
        if self.server.manner == "silent":
            self.server.closing.wait(20)
        if content is None:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content if self.server.manner == "whole" else content[: len(content) // 2])
        if self.server.manner == "stalls":
            self.wfile.flush()
            self.server.closing.wait(20)

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def host(monkeypatch):
    """A host whose addresses are those of all publishers, and a short patience with it."""
    monkeypatch.delenv("KDREP_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "DOWNLOAD_TIMEOUT", PATIENCE)
    with Host() as host:
        thread = threading.Thread(target=host.serve_forever, args=(0.05,))
        thread.start()
        monkeypatch.setattr(mnist_files, "MIRRORS", (host.url,))
        monkeypatch.setattr(corpora, "FSDD_URL", f"{host.url}fsdd")
        monkeypatch.setattr(corpora, "COMMANDS_URL", f"{host.url}commands")
        monkeypatch.setattr(cifar.CIFAR100, "url", f"{host.url}cifar")
        yield host
        host.closing.set()
        host.shutdown()
        thread.join()


def tarred(folder, name):
    """A folder as an archive, in which it has this name."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        archive.add(folder, name)
    return content.getvalue()


@pytest.fixture
def offered(host, monkeypatch, made, recordings, batches, commands):
    """The host, which has all data sets."""
    raw = made / "MNIST" / "raw"
    host.files = {f"{name}.gz": gzip.compress((raw / name).read_bytes()) for name in mnist_files.MNIST_MD5}
    host.files["fsdd"] = tarred(recordings, "free-spoken-digit-dataset-1.0.10/recordings")
    host.files["cifar"] = tarred(batches, batches.name)
    host.files["commands"] = tarred(commands, ".")
    monkeypatch.setattr(cifar.CIFAR100, "tgz_md5", hashlib.md5(host.files["cifar"]).hexdigest())
    monkeypatch.setattr(corpora, "COMMANDS_SHA256", hashlib.sha256(host.files["commands"]).hexdigest())
    return host


LOADERS = {
    "MNIST": mnist_files.load_mnist,
    "CIFAR-100": cifar.load_cifar100,
    "the Free Spoken Digit Dataset": corpora.load_spoken_digits,
}


def left(folder):
    """What files there are in a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("title", LOADERS)
def test_a_download_is_verified_kept_and_said(tmp_path, offered, capsys, title):
    target = tmp_path / "target"
    downloaded = LOADERS[title](target)
    said = capsys.readouterr().err.splitlines()
    assert downloaded.real
    assert downloaded.checksum == LOADERS[title](tmp_path, download=False).checksum
    assert len(said) == 2
    assert said[0].startswith(f"downloading {title}, ")
    assert said[0].endswith(f" MB, to {target} ...")
    assert said[1] == f"downloaded {title}, verified"
    assert not list(target.glob("download-*"))
    offered.files.clear()
    assert LOADERS[title](target).checksum == downloaded.checksum


@pytest.mark.parametrize("manner", ["closes", "stalls", "silent"])
@pytest.mark.parametrize("title", LOADERS)
def test_a_host_that_fails_is_given_up_and_leaves_nothing(tmp_path, offered, capsys, title, manner):
    target, offered.manner = tmp_path / "target", manner
    start = time.monotonic()
    with pytest.warns(UserWarning, match=f"{title} was not downloaded") as warned:
        dataset = LOADERS[title](target)
    assert time.monotonic() - start < 10  # the host would be silent for twenty
    assert not dataset.real
    assert not left(target)
    assert not list(target.iterdir())
    (warning,) = [str(one.message) for one in warned]
    why = "broke off after" if manner == "closes" else f"no answer for {PATIENCE} seconds"
    for part in (why, "a stand-in takes its place", "`make data`", "KDREP_DATA", str(target), "data/README.md"):
        assert part in warning
    assert capsys.readouterr().err.splitlines()[-1] == f"downloading {title} failed"
    offered.manner = "whole"  # another set is not the worse for it
    assert LOADERS["CIFAR-100" if title == "MNIST" else "MNIST"](target).real


@pytest.mark.parametrize(
    "content", [b"", b"<html>log in first</html>", gzip.compress(b"something else"), b"\x1f\x8b" * 9]
)
@pytest.mark.parametrize("title", LOADERS)
def test_what_is_not_the_published_set_is_not_kept(tmp_path, offered, title, content):
    offered.files = dict.fromkeys(offered.files, content)
    with pytest.warns(UserWarning, match=f"{title} was not downloaded .*is not the published"):
        assert not LOADERS[title](tmp_path / "target").real
    assert not left(tmp_path / "target")


def test_without_the_files_the_hosts_own_words_are_said(tmp_path, host):
    with pytest.warns(UserWarning, match="HTTP Error 404"):
        assert not mnist_files.load_mnist(tmp_path / "target").real


def test_the_next_mirror_is_asked(tmp_path, offered, monkeypatch):
    monkeypatch.setattr(mnist_files, "MIRRORS", (f"{offered.url}nowhere/", "http://127.0.0.1:1/", offered.url))
    assert mnist_files.load_mnist(tmp_path / "target").real


def test_a_download_completes_a_folder_that_holds_something_else(tmp_path, offered):
    target = tmp_path / "target"
    (target / "fsdd" / "recordings").mkdir(parents=True)
    (target / "fsdd" / "recordings" / ".DS_Store").touch()
    with pytest.warns(UserWarning, match="a folder without recordings"):
        assert corpora.load_spoken_digits(target).real
    assert corpora.load_spoken_digits(target, download=False).real


def test_speech_commands_are_downloaded_on_request(tmp_path, offered):
    target, offered.manner = tmp_path / "target", "stalls"
    with pytest.raises(DataError, match="Speech Commands was not downloaded .*no answer"):
        corpora.load_speech_commands(target, download=True)
    assert not left(target)
    offered.manner = "whole"
    downloaded = corpora.load_speech_commands(target, download=True)
    assert downloaded.checksum == corpora.load_speech_commands(tmp_path).checksum
    assert [path.name for path in target.iterdir()] == ["SpeechCommands"]


def test_speech_commands_are_not_downloaded_offline(tmp_path, offered, monkeypatch):
    monkeypatch.setenv("KDREP_OFFLINE", "1")
    with pytest.raises(DataError, match="no Speech Commands here"):
        corpora.load_speech_commands(tmp_path / "target", download=True)


class Terminal(io.StringIO):
    """What says that it is a terminal."""

    def isatty(self):
        return True


def test_on_a_terminal_a_bar_is_shown(tmp_path, offered, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(mnist_files, "MNIST_BYTES", sum(map(len, list(offered.files.values())[:4])))
    assert mnist_files.load_mnist(tmp_path / "target").real
    assert "MNIST: 100%" in terminal.getvalue()
    assert "downloading" not in terminal.getvalue()


def test_no_download_is_tried_where_none_is_wanted(tmp_path, offered, monkeypatch, capsys):
    assert not mnist_files.load_mnist(tmp_path / "target", download=False).real
    monkeypatch.setenv("KDREP_OFFLINE", "1")
    assert not mnist_files.load_mnist(tmp_path / "target").real
    assert not capsys.readouterr().err
    assert not (tmp_path / "target").exists()


def test_a_place_that_may_not_be_written_is_named(tmp_path, offered, monkeypatch):
    target = tmp_path / "file" / "target"
    target.parent.touch()
    with pytest.warns(UserWarning, match="MNIST was not downloaded .*file"):
        assert not mnist_files.load_mnist(target).real


DOWNLOADER = """
import json, sys
from kdrep.data import mnist as mnist_files
mnist_files.MIRRORS, mnist_files.MNIST_MD5 = (sys.argv[1],), json.loads(sys.argv[3])
print(mnist_files.load_mnist(sys.argv[2]).checksum)
"""


def test_two_may_download_at_once(tmp_path, offered, made):
    target = tmp_path / "target"
    command = [sys.executable, "-c", DOWNLOADER, offered.url, str(target), json.dumps(mnist_files.MNIST_MD5)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert {worker.communicate()[0].strip() for worker in workers} == {mnist_files.load_mnist(made).checksum}
    assert sorted(path.name for path in target.iterdir()) == ["MNIST"]
