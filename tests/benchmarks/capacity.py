"""What so many daily users need: measured on the real service, worked out by a simulation, written into CAPACITY.md.

    python -m tests.benchmarks.capacity measure --write     # ten minutes, on a machine that does nothing else
    python -m tests.benchmarks.capacity simulate --write    # the tables anew, from what was measured last

Without `--write` both only print. What was measured stands in capacity.json, each figure with its unit.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from bot.pace import OVERALL, PER_CHAT
from tests.benchmarks.figures import Figures
from tests.benchmarks.measuring import measure
from tests.benchmarks.simulation import percentile
from tests.benchmarks.sizing import BOUND, FULLEST, HABITS, Need, bytes_per_user, limits, need, side_by_side
from tests.benchmarks.stand import AT_ONCE
from tests.processes import ROOT

FIGURES = Path(__file__).with_name("capacity.json")
DOCUMENT = ROOT / "deploy" / "CAPACITY.md"
SIZES = (1_000, 100_000, 10_000_000)  # daily users
SEED = 5


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: int | None = None) -> str:
    """In Markdown; so many columns after the first, or all, are numbers."""
    numbers = len(head) - 1 if numbers is None else numbers
    rule = f"|---|{'---:|' * numbers}{'---|' * (len(head) - 1 - numbers)}"
    head, *body = (f"| {' | '.join(line)} |" for line in (head, *rows))
    return "\n".join([head, rule, *body])


def assumptions() -> str:
    """What nobody measured."""
    rows = [
        ("messages a day of a daily user", f"{HABITS.messages_per_day:g}"),
        ("of a day's messages, in the busiest hour", f"{HABITS.peak_share:.0%}"),
        ("lines of a talk; seconds from one to the next, on average", f"{HABITS.lines}; {HABITS.gap:g}"),
        ("until the reply is written, for 95 of 100 around the peak, at most", f"{BOUND:g} s"),
        ("of what something bears, planned for", f"{FULLEST:.0%}"),
        ("that Telegram lets out: in all, in a chat", f"{1 / OVERALL:g}/s, {1 / PER_CHAT:g}/s"),
    ]
    return table(("assumed", ""), rows)


def machine(figures: Figures) -> str:
    """Where it was measured."""
    return (
        f"{figures.cores} cores ({figures.processor}), {figures.steady.server}; just before, other programs kept "
        f"{figures.busy_cores_before:.1f} cores busy."
    )


def loads(figures: Figures) -> str:
    """Replies a second."""
    rows = [
        (
            f"{load.workers}{', whole service' if load.gateways else ''}, batches of {load.batch_limit} at most",
            f"{load.replies_per_second:.1f}",
            f"{load.batch:.1f}",
            f"{load.cycle_seconds * 1000:.0f} ms",
            f"{load.decode_seconds[len(load.decode_seconds) // 2] * 1000:.0f} ms",
            f"{load.worker_cores:.0%}",
            f"{load.worker_cpu_seconds_per_reply * 1000:.1f} ms",
        )
        for load in figures.loads
    ]
    head = ("workers", "replies/s", "batch", "claim to claim", "decoding, median", "of a core, each", "CPU a reply")
    return table(head, rows)


def costs(figures: Figures) -> str:
    """What a message, a chat and nothing at all cost."""
    steady, mailbox = figures.steady, figures.mailbox
    polled = {burst.disk: burst for burst in figures.bursts}
    one, many = figures.idle
    rows = [
        (
            f"a message at {steady.messages_per_second:.1f}/s · CPU of the gateway",
            _ms(steady.gateway_cpu_seconds_per_message),
        ),
        ("· CPU of the worker", _ms(steady.worker_cpu_seconds_per_message)),
        ("· CPU of Redis", _ms(steady.server_cpu_seconds_per_message)),
        (
            "· requests to Redis; commands, those in scripts counted",
            f"{steady.redis_requests_per_message:.1f}; {steady.redis_commands_per_message:.1f}",
        ),
        (
            "· bytes to Redis; from it",
            f"{steady.redis_bytes_in_per_message:,.0f}; {steady.redis_bytes_out_per_message:,.0f}",
        ),
        ("· bytes in the append-only file", f"{steady.append_only_file_bytes_per_message:,.0f}"),
        (
            f"a message, {AT_ONCE} requests at once · Redis' thread busy, disk included",
            _ms(mailbox.server_busy_seconds_per_message),
        ),
        ("· Redis' thread, CPU alone", _ms(mailbox.server_cpu_seconds_per_message)),
        ("Redis' memory · the mark of a message, 48 h", f"{mailbox.mark_bytes_per_message:.0f} bytes"),
        ("· a history of four exchanges, 24 h", f"{mailbox.history_bytes_per_chat:.0f} bytes"),
        ("· a daily user, of both", f"{bytes_per_user(figures):,.0f} bytes"),
        ("a burst, taken in by one gateway that polls", f"{polled[True].messages_per_second:.0f}/s"),
        ("· the same, Redis' file in memory", f"{polled[False].messages_per_second:.0f}/s"),
        (
            "nobody writes · requests to Redis: a gateway; a worker",
            f"{one.redis_requests_per_second_and_gateway:.1f}/s; {one.redis_requests_per_second_and_worker:.1f}/s",
        ),
        (
            f"· the same, {many.shards} shards",
            f"{many.redis_requests_per_second_and_gateway:.1f}/s; {many.redis_requests_per_second_and_worker:.1f}/s",
        ),
        ("· of a core: a gateway; a worker", f"{one.gateway_cores:.1%}; {one.worker_cores:.1%}"),
        (f"· the same, {many.shards} shards", f"{many.gateway_cores:.1%}; {many.worker_cores:.1%}"),
    ]
    return table(("what", "costs"), rows)


def agreement(figures: Figures) -> str:
    """The simulation beside the real service."""
    outcome, *measured = side_by_side(figures)
    rows = []
    for name, simulated, real in zip(
        ("answer", "delivery"), (outcome.answered, outcome.delivered), measured, strict=True
    ):
        for percent in (50, 75, 95):
            there, here = percentile(real, percent), percentile(simulated, percent)
            rows.append((f"{name}, p{percent}", _ms(there), _ms(here), f"{here / there - 1:+.0%}"))
    steady = figures.steady
    head = (f"{steady.messages} messages, {steady.messages_per_second:.1f}/s, one worker", "measured", "simulated", "")
    return table(head, rows)


def needs(found: Sequence[Need]) -> str:
    """What each size takes, a column each."""
    rows = [
        ("messages a second, busiest hour", *(f"{size.rate:,.1f}" for size in found)),
        ("bots", *(f"{size.bots:,}" for size in found)),
        ("of each · workers, a core each", *(f"{size.workers:,}" for size in found)),
        ("· gateways", *(f"{size.gateways:,}" for size in found)),
        ("· Redis servers, replicas aside", *(f"{size.masters:,}" for size in found)),
        ("· Redis' memory", *(_size(size.memory) for size in found)),
        ("· requests to Redis, a second", *(f"{size.requests:,.0f}" for size in found)),
        ("· its file grows in a day by", *(_size(size.file) for size in found)),
        ("wait for the answer, p50, p95", *(_waits(size.outcome.answered) for size in found)),
        ("wait for the delivery, p50, p95, p99", *(_waits(size.outcome.delivered, 99) for size in found)),
        ("workers at work", *(f"{size.outcome.use:.0%}" for size in found)),
        ("in all · workers", *(f"{size.bots * size.workers:,}" for size in found)),
        ("· Redis' memory", *(_size(size.bots * size.memory) for size in found)),
    ]
    return table(("daily users", *(f"{size.users:,}" for size in found)), rows)


def bounds(figures: Figures) -> str:
    """Where the next limit stands."""
    rows = [
        (limit.name, f"{limit.rate:,.0f}" if limit.rate else "", f"{_two_digits(limit.users):,}", limit.then)
        for limit in limits(figures)
    ]
    return table(("one of", "messages/s", f"daily users, at {FULLEST:.0%}", "then"), rows, numbers=2)


def short(one: Need) -> str:
    """What a bot takes that has as many users as Telegram lets it have."""
    words = [
        f"workers with a core each: {one.workers}",
        f"gateways: {one.gateways}",
        f"Redis: {_size(one.memory)}, {one.requests:,.0f} requests a second",
    ]
    return f"One bot serves about {_two_digits(one.users / one.bots):,} daily users. That takes {'; '.join(words)}."


def tables(figures: Figures, seed: int = SEED) -> dict[str, str]:
    """All of the document's, by the name of their place."""
    found = [need(figures, users, seed) for users in SIZES]
    return {
        "short": short(found[-1]),
        "assumptions": assumptions(),
        "machine": machine(figures),
        "loads": loads(figures),
        "costs": costs(figures),
        "agreement": agreement(figures),
        "limits": bounds(figures),
        "needs": needs(found),
        "one-bot": needs([need(figures, users, seed, lifted=True) for users in SIZES[1:]]),
    }


def filled(page: str, texts: dict[str, str]) -> str:
    """The page with each text between the comments that bear its name."""
    for name, text in texts.items():
        before, begin, rest = page.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- /{name} -->\n")
        if not (begin and end):
            raise ValueError(f"no place for {name}")
        page = f"{before}{begin}{text}\n{end}{after}"
    return page


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms" if seconds < 0.1 else f"{seconds * 1000:,.0f} ms"


def _waits(waits: Sequence[float], *more: int) -> str:
    return ", ".join(f"{percentile(waits, percent):.2f}" for percent in (50, 95, *more)) + " s"


def _size(number: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:,.3g} TB"


def _two_digits(number: float) -> int:
    return int(float(f"{number:.2g}"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=("measure", "simulate"))
    parser.add_argument("--seconds", type=float, default=20.0, help="measure: for each full load")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--write", action="store_true", help="keep the figures, and fill deploy/CAPACITY.md")
    options = parser.parse_args(arguments)
    if options.what == "measure":
        report = lambda line: print(line, file=sys.stderr, flush=True)  # noqa: E731
        figures = asyncio.run(measure(options.seconds, options.seed, report))
        print(figures.text())
        if options.write:
            FIGURES.write_text(figures.text(), "utf-8")
            figures = Figures.read(FIGURES)  # rounded as they are kept, so that `simulate` says the same
    else:
        figures = Figures.read(FIGURES)
    found = tables(figures, options.seed)
    print(*found.values(), sep="\n\n")
    if options.write:
        DOCUMENT.write_text(filled(DOCUMENT.read_text("utf-8"), found), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
