"""The simulation beside queueing theory, and the document beside the program that writes it."""

from statistics import mean

import pytest

from bot.pace import OVERALL
from tests.benchmarks import capacity
from tests.benchmarks.figures import Figures
from tests.benchmarks.measuring import full_load
from tests.benchmarks.simulation import (
    DAY,
    HOUR,
    Arrivals,
    Habits,
    Point,
    Service,
    arrivals,
    daily_curve,
    needed,
    percentile,
    simulate,
    steadily,
)
from tests.benchmarks.sizing import bytes_per_user, compose_memory, limits

ONE_LINE = Habits(peak_share=HOUR / DAY, lines=1)  # at any hour alike
TALKS = Service((Point(1, (0.02, 0.02)), Point(32, (0.3, 0.3))))  # many together take less each


def constant(seconds: float) -> Service:
    return Service((Point(1, (seconds, seconds)),))


def by_chance(rate: float, seconds: float) -> Arrivals:
    """So many a second, each of another chat."""
    return arrivals(rate * DAY / ONE_LINE.messages_per_day, seconds, seed=7, habits=ONE_LINE)


@pytest.mark.parametrize("use", [0.3, 0.6, 0.8])
def test_one_worker_without_batches_is_M_D_1(use: float) -> None:
    # Pollaczek and Khinchine: what waits before a constant time of service d is d * use / (2 * (1 - use)).
    d = 0.02
    outcome = simulate(by_chance(use / d, 1200), constant(d), workers=1, limit=1, overall=0, per_chat=0)
    assert mean(outcome.answered) == pytest.approx(d + d * use / (2 * (1 - use)), rel=0.05)
    assert outcome.use == pytest.approx(use, rel=0.02)


def test_one_worker_with_times_drawn_by_chance_is_M_G_1() -> None:
    # From 0 to 2d, each as likely: the second moment is 4/3 d², a third more than a constant's.
    d, use = 0.02, 0.6
    service = Service((Point(1, (0.0, 2 * d)),))
    outcome = simulate(by_chance(use / d, 1200), service, workers=1, limit=1, overall=0, per_chat=0)
    assert mean(outcome.answered) == pytest.approx(d + 4 / 3 * d * use / (2 * (1 - use)), rel=0.05)


def test_telegrams_pace_is_M_D_1_too() -> None:
    use = 0.8
    outcome = simulate(by_chance(use / OVERALL, 3600), constant(0.0), workers=1)
    assert mean(outcome.delivered) == pytest.approx(OVERALL * use / (2 * (1 - use)), rel=0.1)


def test_more_than_thirty_a_second_pile_up() -> None:
    seconds = 200
    outcome = simulate(by_chance(40, seconds), constant(0.001), workers=4)
    assert percentile(outcome.answered, 99) < 0.1
    # Of forty a second thirty have left: the last of 200 seconds waits for a third of that.
    assert max(outcome.delivered) == pytest.approx(seconds * (40 * OVERALL - 1), rel=0.1)


def test_a_chat_gets_one_reply_a_second() -> None:
    outcome = simulate([(0.0, 1), (0.1, 1), (0.2, 1), (0.2, 2)], constant(0.01), workers=1)
    assert outcome.delivered == pytest.approx([0.01, 0.01, 0.91, 1.81], abs=0.05)


def test_lines_that_come_while_a_chat_is_answered_are_one_turn() -> None:
    outcome = simulate([(0.0, 1), (0.1, 1), (0.2, 1)], constant(1.0), workers=3)
    assert outcome.answered == pytest.approx([1.0, 1.9])


def test_a_worker_takes_all_who_wait_at_once() -> None:
    outcome = simulate([(0.0, 0)] + [(0.01, chat) for chat in range(1, 41)], TALKS, workers=1)
    assert outcome.batch == pytest.approx(41 / 3)  # 1, 32, 8


def test_more_workers_never_make_it_worse() -> None:
    written = steadily(100, 200, seed=3)
    waits = [mean(simulate(written, TALKS, workers=workers, overall=0).answered) for workers in range(1, 8)]
    assert waits == sorted(waits, reverse=True)


def test_the_fewest_workers_are_found() -> None:
    written = steadily(100, 100, seed=3)
    fewest = needed(written, TALKS, bound=0.05, overall=0)
    waits = {workers: simulate(written, TALKS, workers=workers, overall=0) for workers in (fewest - 1, fewest)}
    assert percentile(waits[fewest].answered, 95) <= 0.05 < percentile(waits[fewest - 1].answered, 95)
    assert needed(written, TALKS, bound=0.05, at_least=fewest + 2, overall=0) == fewest + 2


def test_the_busiest_hour_has_its_share_of_the_day() -> None:
    curve = daily_curve(0.1)
    minutes = [curve(60 * minute) for minute in range(-720, 720)]
    assert mean(minutes) == pytest.approx(1, rel=0.01)
    assert sum(minutes[690:750]) / sum(minutes) == pytest.approx(0.1, rel=0.01)
    written = arrivals(2_000, HOUR, seed=1)
    assert len(written) == pytest.approx(Habits().per_second(2_000) * HOUR, rel=0.1)
    assert written == arrivals(2_000, HOUR, seed=1)


@pytest.fixture(scope="module")
def figures() -> Figures:
    return Figures.read(capacity.FIGURES)


def test_the_document_says_what_was_measured(figures: Figures) -> None:
    page = capacity.DOCUMENT.read_text("utf-8")
    written = {
        "assumptions": capacity.assumptions(),
        "machine": capacity.machine(figures),
        "loads": capacity.loads(figures),
        "costs": capacity.costs(figures),
        "agreement": capacity.agreement(figures),
        "limits": capacity.bounds(figures),
    }
    assert capacity.filled(page, written) == page


def test_limits_are_at_their_users_rate(figures: Figures) -> None:
    found = {limit.name: limit for limit in limits(figures)}
    assert found["Telegram, for one bot"].users == pytest.approx(0.8 * 30 / Habits().per_second(1))
    memory = found["Redis' memory in docker-compose.yml"]
    assert memory.users * bytes_per_user(figures) == pytest.approx(0.8 * compose_memory())


def test_a_text_without_a_place_is_no_silent_loss() -> None:
    page = "a\n<!-- b -->\nold\n<!-- /b -->\nc\n"
    assert capacity.filled(page, {"b": "new"}) == "a\n<!-- b -->\nnew\n<!-- /b -->\nc\n"
    with pytest.raises(ValueError, match="no place for d"):
        capacity.filled(page, {"d": "new"})


@pytest.mark.timeout(300)
@pytest.mark.parametrize("gateways", [0, 1])
async def test_a_moment_of_full_load(gateways: int) -> None:
    load = await full_load(1, 2, 1.0, seed=1, gateways=gateways)
    assert 1 <= load.batch <= 2
    assert load.cycle_seconds == pytest.approx(load.batch / load.replies_per_second)
    assert load.decode_seconds == pytest.approx(sorted(load.decode_seconds))
    assert load.worker_cpu_seconds_per_reply > 0
