"""A file from an address, which may be cut off at any byte and goes on from there."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from training.corpus.conversation import CorpusError

_TIMEOUT = httpx.Timeout(30)  # seconds that a server may stay silent
_WAITS = (1.0, 2.0, 4.0, 8.0)  # seconds before each further try that brings nothing

Progress = Callable[[int], None]


class _Interrupted(Exception):  # noqa: N818 - what happened, and worth another try
    """The server failed or the connection was cut."""


def download(url: str, path: Path, size: int, advance: Progress, waits: Sequence[float] = _WAITS) -> None:
    """``url``, which has ``size`` bytes, as ``path``; ``advance`` is told how many are there, whenever more arrive.

    What has arrived stands in ``path`` with ``.part`` behind it, and a later call goes on there. A try that comes
    further than any before sets the number of tries back; when ``waits`` is used up, or the server refuses, or the size
    is another one, ``CorpusError`` says so.
    """
    part = path.with_name(path.name + ".part")
    failures, furthest = 0, _size(part)
    with httpx.Client(timeout=_TIMEOUT, follow_redirects=True, headers={"Accept-Encoding": "identity"}) as client:
        while (before := _size(part)) != size:
            if before > size:
                part.unlink()
                continue
            try:
                _receive(client, url, part, size, advance)
                if _size(part) < size:
                    raise _Interrupted(f"it sent {_size(part):,} of {size:,} bytes")
            except (_Interrupted, httpx.TransportError) as error:
                failures = 0 if _size(part) > furthest else failures + 1
                furthest = max(furthest, _size(part))
                if failures > len(waits):
                    raise CorpusError(f"{url}: {str(error) or type(error).__name__}; run it again to go on") from None
                time.sleep(waits[max(failures - 1, 0)] if waits else 0)
            except httpx.HTTPError as error:
                raise CorpusError(f"{url}: {error}") from None
    part.replace(path)


def _receive(client: httpx.Client, url: str, part: Path, size: int, advance: Progress) -> None:
    """One request for what is missing; its bytes are kept however it ends."""
    start = _size(part)
    headers = {"Range": f"bytes={start}-"} if start else {}
    with client.stream("GET", url, headers=headers) as answer:
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise _Interrupted(f"it answered {answer.status_code}")
        if not answer.is_success:
            raise CorpusError(f"{url}: it answered {answer.status_code} {answer.reason_phrase}")
        goes_on = answer.status_code == httpx.codes.PARTIAL_CONTENT
        if goes_on and not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            raise CorpusError(f"{url}: it sent another part than was asked for; remove {part} to begin anew")
        received = start if goes_on else 0  # a server that knows no ranges begins anew
        announced = answer.headers.get("Content-Length")
        if announced is not None and received + int(announced) != size:
            raise CorpusError(f"{url}: {received + int(announced):,} bytes; {size:,} are expected")
        with part.open("ab" if goes_on else "wb") as file:
            for chunk in answer.iter_raw():
                received += len(chunk)
                if received > size:
                    raise CorpusError(f"{url}: more than {size:,} bytes")
                file.write(chunk)
                advance(received)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
