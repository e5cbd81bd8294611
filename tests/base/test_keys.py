import pytest

from governance.base.keys import LIMIT, Keys, slug


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (
            "NEVER add external dependencies without approval",
            "never-add-external-dependencies-without-approval",
        ),
        ("**The Café's** `Menu`", "cafes-menu"),
        ("A", "a"),
    ],
)
def test_a_key_is_made_of_the_words(text, key):
    assert slug(text) == key


def test_a_long_key_ends_with_a_whole_word():
    key = slug("word " * 40)
    assert len(key) <= LIMIT
    assert set(key.split("-")) == {"word"}


@pytest.mark.parametrize("text", ["決定", "x" * 200, "!?"])
def test_text_that_makes_no_words_has_a_key_too(text):
    assert slug(text).startswith("item-")
    assert slug(text) != slug(f"{text}承")


def test_keys_of_one_list_differ_and_do_not_depend_on_what_comes_between():
    long = "never change the schema of the orders or payments or refunds table"
    first = Keys()
    first.take(f"{long} by hand")
    second = Keys()
    second.take(f"{long} by hand")
    second.take("something else")
    assert first.take(f"{long} at night") == second.take(f"{long} at night")


def test_the_same_words_twice_are_counted():
    keys = Keys()
    assert len({keys.take("same") for _ in range(5)}) == 5
