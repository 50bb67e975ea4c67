"""`lrlab.text`: the grammar writes what its tables allow, evenly, and the codes lose nothing."""

from collections import Counter

import numpy as np
import pytest

from lrlab.text import ADJECTIVES, ALPHABET, TOPICS, decode, encode, labeled, paragraphs, sentence, windows

WORDS = {topic: [set(words.split()) for words in lists] for topic, lists in TOPICS.items()}


def parse(line: str) -> str:
    """Return the topic of a sentence that follows the grammar; raise for any other."""
    words = line.removesuffix(".").split(" ")
    assert line.endswith(".")
    assert words.pop(0) == "the"
    if words[0] in ADJECTIVES.split():
        words.pop(0)
    who, does, article, what = words
    assert article in ("the", "this")
    (topic,) = (t for t, lists in WORDS.items() if who in lists[0] and does in lists[1] and what in lists[2])
    return topic


def test_no_word_stands_under_two_topics():
    count = Counter(word for lists in WORDS.values() for words in lists for word in words)
    assert set(count.values()) == {1}
    assert not set(count) & {*ADJECTIVES.split(), "the", "this"}


def test_every_sentence_follows_the_grammar_and_every_word_comes():
    rng = np.random.default_rng(0)
    for topic, lists in WORDS.items():
        written = [sentence(topic, rng) for _ in range(400)]
        assert {parse(line) for line in written} == {topic}
        assert max(map(len, written)) <= 40
        assert set().union(*lists) <= {word for line in written for word in line.removesuffix(".").split()}


def test_a_paragraph_has_four_sentences_of_one_topic():
    topics = ["sea", "road", "music"]
    lines = paragraphs(topics, 600, seed=3).splitlines()
    assert len(lines) == 600
    found = []
    for line in lines:
        sentences = line.replace(". ", ".|").split("|")
        assert len(sentences) == 4
        (topic,) = {parse(one) for one in sentences}
        found.append(topic)
    for topic in topics:  # binomial, n = 600, p = 1/3: standard deviation 11.5
        assert abs(found.count(topic) - 200) < 4 * 11.5


def test_labels_are_the_topics_in_even_shares():
    topics = ["court", "farm", "sea", "road"]
    codes, labels = labeled(topics, 42, seed=1, length=44)
    assert codes.shape == (42, 44)
    assert sorted(Counter(labels.tolist()).values()) == [10, 10, 11, 11]
    for row, label in zip(codes, labels, strict=True):
        line = decode(row)
        assert parse(line.rstrip("\n")) == topics[label]
        assert set(line[len(line.rstrip("\n")) :]) <= {ALPHABET[0]}


def test_a_seed_is_a_text():
    assert paragraphs(["sea"], 5, seed=1) == paragraphs(["sea"], 5, seed=1)
    assert paragraphs(["sea"], 5, seed=1) != paragraphs(["sea"], 5, seed=2)


def test_windows_and_codes_lose_nothing():
    text = paragraphs(["farm"], 3, seed=0)
    inputs, targets = windows(text, 7)
    assert inputs.shape == targets.shape == ((len(text) - 1) // 7, 7)
    assert text.startswith("".join(map(decode, inputs)))
    assert text[1:].startswith("".join(map(decode, targets)))
    assert decode(encode(ALPHABET)) == ALPHABET
    assert len(set(ALPHABET)) == len(ALPHABET)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: sentence("space", np.random.default_rng(0)), "topic must be one of kitchen, .*got topic='space'"),
        (lambda: paragraphs([], 3, 0), "topics must hold at least one"),
        (lambda: paragraphs(["sea"], 0, 0), "count must be a positive integer"),
        (lambda: labeled([], 3, 0), "topics must hold at least one"),
        (lambda: labeled(["sea"], 3, 0, length=10), r"length must be at least \d\d, the longest"),
        (lambda: windows("ab", 2), "text must be longer than length=2, got 2"),
        (lambda: encode("A cow"), "text must be made of .*got 'A'"),
    ],
)
def test_what_cannot_be_is_refused(call, problem):
    with pytest.raises(ValueError, match=problem):
        call()
