"""What a card says of how its checkpoint came about."""

from pathlib import Path

import pytest

from training.origin import commit


def test_the_commit_is_unknown_where_there_is_no_git_or_no_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert commit() == "unknown"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit() == "unknown"
