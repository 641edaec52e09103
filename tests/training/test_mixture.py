"""What is trained on is never tested on, and an epoch can be drawn again."""

import itertools

from training.corpus import Conversation, read_own
from training.corpus.messages import Message
from training.mixture import Mixture, split_of
from training.recipe import Recipe


def test_a_group_is_on_one_side_however_it_is_spelled() -> None:
    assert split_of("reply:밥 드세요.") == split_of("reply:밥드세요!")


def test_the_shares_are_as_named() -> None:
    sides = [split_of(f"group {number}") for number in range(20_000)]
    assert 0.035 < sides.count("validation") / len(sides) < 0.045
    assert 0.035 < sides.count("test") / len(sides) < 0.045


def test_no_group_stands_on_two_sides() -> None:
    dialogues, families = read_own()
    mixture = Mixture(conversations=dialogues, families=families, recipe=Recipe(draws={"other": 2}))
    sides = [
        {conversation.group for conversation in side}
        for side in (
            mixture.epoch(1, 1),
            [c for part in mixture.held_out("validation").values() for c in part],
            [c for part in mixture.held_out("test").values() for c in part],
        )
    ]
    assert all(sides)
    for one, other in itertools.combinations(sides, 2):
        assert not one & other


def test_an_epoch_is_the_same_by_seed_and_new_by_number() -> None:
    _, families = read_own()
    mixture = Mixture(conversations=[], families=families[:50], recipe=Recipe(draws={"other": 3}))
    assert mixture.epoch(1, 1) == mixture.epoch(1, 1)
    assert mixture.epoch(1, 1) != mixture.epoch(1, 2)
    assert mixture.epoch(1, 1) != mixture.epoch(2, 1)


def test_people_change_the_subject() -> None:
    talks = [Conversation(source="s", group="a", turns=(f"{number}?", f"{number}.")) for number in range(200)]
    epoch = Mixture(conversations=talks, families=[], recipe=Recipe(topic_changes=0.5)).epoch(0, 1)
    changed = [talk for talk in epoch if talk.context]
    assert 70 < len(changed) < 130
    assert {talk.context for talk in changed} == {2, 4, 6}
    for talk in changed:
        [(context, reply)] = talk.examples()
        assert len(context) == talk.context + 1
        assert reply == context[-1].replace("?", ".")


def test_a_source_is_repeated_as_told() -> None:
    pair = Conversation(source="few", group="a", turns=("안녕", "네."))
    assert split_of("a") == "train"
    assert len(Mixture(conversations=[pair], families=[], recipe=Recipe(repeats={"few": 3})).epoch(0, 1)) == 3
    half = Mixture(conversations=[pair] * 1_000, families=[], recipe=Recipe(repeats={"few": 0.5}))
    assert 400 < len(half.epoch(0, 1)) < 600


def test_messages_without_a_reply_are_a_source_as_well() -> None:
    messages = [Message(f"사라지고 싶어 {number}", crisis=True, form="own_veiled") for number in range(1_000)]
    recipe = Recipe(repeats={"messages": 0.5}, typing_noise=1)
    half = Mixture(conversations=[], families=[], messages=messages, recipe=recipe)
    epoch = half.epoch_messages(0, 1)
    assert 400 < len(epoch) < 520
    assert epoch == half.epoch_messages(0, 1) != half.epoch_messages(0, 2)
    assert len({message.text for message in epoch} - {message.text for message in messages}) > 100  # typed carelessly


def test_a_kind_of_families_is_drawn_as_often_as_told() -> None:
    _, families = read_own()
    greetings = [family for family in families if family.kind == "greeting"]
    trained = [family for family in greetings if split_of(f"family:{family.id}") == "train"]
    epoch = Mixture(conversations=[], families=greetings, recipe=Recipe(draws={"other": 1, "greeting": 4})).epoch(0, 1)
    assert len(epoch) == 4 * len(trained)


def test_only_the_user_types_carelessly() -> None:
    pair = Conversation(source="s", group="a", turns=("오늘 면접을 봤어요.", "오늘 면접은 어땠어요?"))
    epoch = Mixture(conversations=[pair] * 100, families=[], recipe=Recipe(typing_noise=1)).epoch(0, 1)
    assert {talk.turns[1] for talk in epoch} == {"오늘 면접은 어땠어요?"}
    assert len({talk.turns[0] for talk in epoch}) > 20


def test_plain_texts_are_drawn_anew_each_epoch() -> None:
    mixture = Mixture(conversations=[], families=[], texts=[str(n) for n in range(100)], recipe=Recipe(plain_texts=10))
    assert len(set(mixture.plain_texts(0, 1))) == 10
    assert mixture.plain_texts(0, 1) == mixture.plain_texts(0, 1) != mixture.plain_texts(0, 2)


def test_exchanges_may_be_learned_one_by_one_or_the_first_alone() -> None:
    talk = Conversation(source="s", group="a", turns=("1?", "1.", "2?", "2."))
    single = Mixture(conversations=[talk], families=[], recipe=Recipe(exchanges="single")).epoch(0, 1)
    assert [each.turns for each in single] == [("1?", "1."), ("2?", "2.")]
    first = Mixture(conversations=[talk], families=[], recipe=Recipe(exchanges="first")).epoch(0, 1)
    assert [each.turns for each in first] == [("1?", "1.")]
