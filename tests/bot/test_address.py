import pytest

from bot.address import Address, pseudonym


def test_the_text_form_reads_back() -> None:
    for text in ("telegram/12345", "telegram/-100123", "console-local/0"):
        assert str(Address.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "telegram", "telegram/", "/1", "Telegram/1", "telegram/1/2", "telegram/한", "a:b/1"]
)
def test_what_could_be_mistaken_for_another_key_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="an address is channel/chat"):
        Address.parse(text)


def test_a_pseudonym_depends_on_the_chat_and_on_the_key() -> None:
    one, other = Address("telegram", "1"), Address("telegram", "2")
    assert pseudonym(one, b"key") == pseudonym(one, b"key")
    assert len({pseudonym(one, b"key"), pseudonym(other, b"key"), pseudonym(one, b"another key")}) == 3
