"""Public sets are what the manifest says, or nothing."""

import hashlib
import tomllib
from pathlib import Path

import pytest

from training.corpus import CorpusError, public, read_public


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    content = '{"turns": ["안녕", "안녕하세요."]}\n{"turns": ["넌 누구야", "저는 위로봇입니다."]}\n'.encode()
    (tmp_path / "pairs.jsonl").write_bytes(content)
    manifest = tmp_path / "manifest.toml"
    manifest.write_text(f'[pairs]\nfile = "pairs.jsonl"\nsha256 = "{hashlib.sha256(content).hexdigest()}"\n')
    monkeypatch.setattr(public, "MANIFEST", manifest)
    return tmp_path


def test_replies_with_another_identity_are_left_out(folder: Path) -> None:
    [conversation] = read_public(folder)
    assert (conversation.source, conversation.turns) == ("pairs", ("안녕", "안녕하세요."))


def test_a_changed_or_missing_file_is_refused(folder: Path) -> None:
    (folder / "pairs.jsonl").write_text('{"turns": ["안녕", "반가워요."]}\n')
    with pytest.raises(CorpusError, match="sha256"):
        read_public(folder)
    (folder / "pairs.jsonl").unlink()
    with pytest.raises(CorpusError, match="missing"):
        read_public(folder)


def test_the_manifest_names_only_licences_that_shipped_weights_may_use() -> None:
    for entry in tomllib.loads(public.MANIFEST.read_text(encoding="utf-8")).values():
        assert entry["license"] in ("MIT", "CC0")
        assert len(entry["sha256"]) == 64
        assert entry["notice"]
