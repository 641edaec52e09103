"""Where the service's processes keep their files."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.program import in_memory


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="malbeot-faults-", dir=in_memory()) as name:
        yield Path(name)
