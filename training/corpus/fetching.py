"""The public sets of ``public.toml``, brought into one folder from their addresses or from local copies."""

import hashlib
import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlparse

from training.corpus import public
from training.corpus.conversation import CorpusError
from training.corpus.download import Progress, download
from training.corpus.preparation import PREPARATIONS

# Opens what shows how far the download of a named file of so many bytes is.
Watch = Callable[[str, int], AbstractContextManager[Progress]]


def fetch(out: Path, local: Path | None, watch: Watch) -> Iterator[tuple[str, str]]:
    """Name of every set and what became of it; in ``out`` stand the files that ``read_public`` reads.

    With ``local`` nothing is downloaded: each set is there prepared, or as its authors publish it. ``CorpusError``
    where a set cannot be had or is not what the manifest names; a set that has no address may be missing.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name, entry in tomllib.loads(public.MANIFEST.read_text(encoding="utf-8")).items():
        prepared = out / entry["file"]
        if prepared.is_file() and _sum(prepared.read_bytes()) == entry["sha256"]:
            yield name, "was there already, and its sum is right"
        elif local is not None and (local / entry["file"]).is_file():
            _write(prepared, (local / entry["file"]).read_bytes(), entry, f"{local / entry['file']}")
            yield name, "copied, and its sum is right"
        elif "url" not in entry:
            yield name, f"left out: {entry['file']} is had prepared only; name its folder with --from"
        else:
            raw = _raw(entry, out, local, watch)
            try:
                content = PREPARATIONS[entry["preparation"]](raw.read_bytes())
            except CorpusError as error:
                raise CorpusError(f"{raw}: {error}") from None
            _write(prepared, content, entry, f"what {raw} is prepared to")
            yield name, f"prepared from {raw.name}, and its sum is right"


def _raw(entry: dict[str, Any], out: Path, local: Path | None, watch: Watch) -> Path:
    """The set as its authors publish it: a local copy of the right size, or downloaded."""
    filename = PurePosixPath(urlparse(entry["url"]).path).name
    path = (local or out) / filename
    if local is not None and not path.is_file():
        raise CorpusError(f"{local} has neither {entry['file']} nor {filename}")
    if local is None and not (path.is_file() and path.stat().st_size == entry["bytes"]):
        with watch(filename, entry["bytes"]) as advance:
            download(entry["url"], path, entry["bytes"], advance)
    if path.stat().st_size != entry["bytes"]:
        raise CorpusError(f"{path} has {path.stat().st_size:,} bytes; {entry['bytes']:,} are expected")
    return path


def _write(path: Path, content: bytes, entry: dict[str, Any], what: str) -> None:
    if _sum(content) != entry["sha256"]:
        raise CorpusError(f"{what} is not the file that training/corpus/public.toml names (sha256 differs)")
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
