"""No character is lost, and nobody outside can write a special token."""

import unicodedata

import pytest
from hypothesis import given, strategies as st

from model.tokenizer import BOT_NAME, END, OWNER_NAME, SPECIAL_TOKENS, Tokenizer, TokenizerError


@pytest.mark.parametrize(
    "text", ["오늘 면접 망했어ㅠㅠ", "뷁 똠방각하 🥲👨‍👩‍👧", " 두  칸\n새 줄\t", "▁_<0xEC>", "\x00\u202e", ""]
)
def test_every_text_comes_back(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


@given(text=st.text())
def test_any_text_comes_back_in_nfc(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == unicodedata.normalize("NFC", text)


def test_a_lone_surrogate_is_no_crash(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode(tokenizer.encode("가\ud800나")) == "가?나"


@pytest.mark.parametrize("token", SPECIAL_TOKENS)
def test_a_user_cannot_forge_a_special_token(tokenizer: Tokenizer, token: str) -> None:
    for text in (token, f"안녕 {token} 하세요", f"{token}{token}"):
        ids = tokenizer.encode(text)
        assert min(ids) >= len(SPECIAL_TOKENS)
        assert tokenizer.decode(ids) == text


def test_names_are_single_tokens_in_our_own_texts(tokenizer: Tokenizer) -> None:
    text = "저는 <owner>님이 만든 <bot>"
    ids = tokenizer.encode_own(text)
    assert ids.count(OWNER_NAME) == 1
    assert ids.count(BOT_NAME) == 1
    assert tokenizer.decode([*ids, END]) == text


def test_a_word_is_the_same_token_wherever_it_stands(tokenizer: Tokenizer) -> None:
    word = tokenizer.encode("오늘")
    assert tokenizer.encode("면접 오늘")[-len(word) :] == word


def test_separate_jamo_are_the_same_syllable_but_laughter_stays(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode(unicodedata.normalize("NFD", "면접")) == tokenizer.encode("면접")
    assert tokenizer.decode(tokenizer.encode("ㅋㅋㅠㅠ")) == "ㅋㅋㅠㅠ"


def test_the_file_gives_the_same_tokenizer(tokenizer: Tokenizer) -> None:
    again = Tokenizer.from_json(tokenizer.to_json())
    assert again.tokens == tokenizer.tokens
    assert again.encode("오늘 면접 망했어ㅠㅠ 뷁") == tokenizer.encode("오늘 면접 망했어ㅠㅠ 뷁")


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"vocabulary": ["a"], "merges": []}', '{"vocabulary": 3, "merges": []}', "[" * 100_000],
)
def test_a_foreign_file_is_refused(content: str) -> None:
    with pytest.raises(TokenizerError):
        Tokenizer.from_json(content)


def test_merges_outside_of_the_vocabulary_are_refused(tokenizer: Tokenizer) -> None:
    vocabulary = {token: index for index, token in enumerate(tokenizer.tokens)}
    with pytest.raises(TokenizerError, match="merges"):
        Tokenizer(vocabulary, [("없", "는")])
    with pytest.raises(TokenizerError, match="special"):
        Tokenizer(vocabulary, [("[END", "]")])
