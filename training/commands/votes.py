"""``python -m training votes``: the votes on a comparison, unblinded and counted."""

import json
from pathlib import Path
from typing import Annotated

import typer

from training.faults import fail


def votes(
    file: Annotated[Path, typer.Argument(help="The votes that the page saved.", show_default=False)],
    key: Annotated[Path, typer.Argument(help="FILE.key.json of the comparison.", show_default=False)],
) -> None:
    """Unblind and count the votes on a comparison; p is the two-sided sign test's."""
    from training.votes import VotesError, count_votes, read_key, read_votes

    try:
        counted = count_votes(read_votes(file), read_key(key))
    except VotesError as error:
        fail(str(error))
    print(json.dumps(counted, ensure_ascii=False, indent=2))
