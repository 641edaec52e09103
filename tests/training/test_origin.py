"""What a card says of how its checkpoint came about."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from training.origin import commit


def test_the_commit_is_this_projects_wherever_one_stands_and_unknown_without_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = commit()
    assert re.fullmatch("[0-9a-f]{40}|unknown", ours)
    if shutil.which("git"):
        subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    monkeypatch.chdir(tmp_path)
    assert commit() == ours
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit() == "unknown"
