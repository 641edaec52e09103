"""The table of tests/faults/README.md, which the programs write."""

from dataclasses import dataclass
from pathlib import Path

from tests.faults.checker import Findings

README = Path(__file__).with_name("README.md")
HEAD = "| fault | times injected | messages | lost | duplicated | reordered | longest wait |"
RULE = "|---|---:|---:|---:|---:|---:|---:|"


@dataclass(frozen=True)
class Row:
    """One fault. Figures of a part of a run stand in the row of the whole, and are empty here."""

    fault: str
    times: int
    messages: str = ""
    lost: str = ""
    duplicated: str = ""
    reordered: str = ""
    wait: str = ""

    def __str__(self) -> str:
        cells = [self.fault, f"{self.times:,}", self.messages, self.lost, self.duplicated, self.reordered, self.wait]
        return f"| {' | '.join(cells)} |"


def row(fault: str, times: int, messages: int, findings: Findings) -> Row:
    """A whole run. Cross-talk counts as lost: the message went to nobody who asked."""
    lost = findings.count("lost") + findings.count("crossed") + findings.count("foreign")
    excused = f" (+{findings.excused} excused)" if findings.excused else ""
    return Row(
        fault,
        times,
        f"{messages:,}",
        f"{lost}",
        f"{findings.count('duplicated')}{excused}",
        f"{findings.count('reordered')}",
        f"{findings.longest_wait:.1f} s",
    )


def show(rows: list[Row], *, write: bool) -> None:
    """Print the rows; with `write` they also replace those of the same faults in the README, or join them."""
    print(HEAD, RULE, *rows, sep="\n")
    if write:
        README.write_text(merged(README.read_text("utf-8"), rows), "utf-8")


def merged(page: str, rows: list[Row]) -> str:
    """The page with these rows in its table, each in its old place or at the end."""
    before, rule, after = page.partition(f"{RULE}\n")
    table, gap, rest = after.partition("\n\n")
    lines = {line.split(" | ")[0]: line for line in table.splitlines() if line.startswith("|")}
    lines |= {str(row).split(" | ")[0]: str(row) for row in rows}
    return f"{before}{rule}" + "\n".join(lines.values()) + (gap + rest or "\n")
