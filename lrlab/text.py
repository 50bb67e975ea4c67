"""Text that needs no download: sentences about a few topics, written by a seeded grammar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lrlab import _checks as check

Codes: TypeAlias = NDArray[np.int64]

#: What a code stands for. Code 0, the end of a line, also fills up what is too short.
ALPHABET = "\n .abcdefghijklmnopqrstuvwxyz"

ADJECTIVES = "old young quiet tired happy clever slow proud kind busy"

#: Who does what to what. No word stands under two topics, so that one word tells the topic.
TOPICS = {
    "kitchen": (
        "cook baker waiter butcher guest",
        "stirs salts tastes serves boils peels",
        "soup bread broth stew pepper onion plate spoon pan oven",
    ),
    "garden": (
        "gardener florist neighbor botanist child",
        "waters plants prunes digs rakes picks",
        "rose hedge lawn tulip weed shrub seed spade fence pond",
    ),
    "sea": (
        "sailor captain pirate diver fisher",
        "steers sinks rows anchors sights sails",
        "ship boat wave reef harbor mast raft island tide net",
    ),
    "school": (
        "teacher pupil student scholar tutor",
        "reads writes learns spells copies recites",
        "book lesson essay poem page letter word exam desk map",
    ),
    "music": (
        "singer drummer pianist composer dancer",
        "plays hums tunes sings records hears",
        "song flute waltz chord opera violin rhythm choir drum harp",
    ),
    "road": (
        "driver cyclist mechanic traveler porter",
        "drives repairs parks loads pushes stops",
        "car bus truck wheel bridge engine tire wagon train brake",
    ),
    "farm": (
        "farmer shepherd miller herder rancher",
        "feeds milks herds shears gathers ploughs",
        "cow sheep barn goat wheat hen field horse calf hay",
    ),
    "court": (
        "judge lawyer witness thief clerk",
        "accuses signs proves denies defends accepts",
        "crime verdict trial law oath guilt appeal fine jury case",
    ),
}


def sentence(topic: str, rng: np.random.Generator) -> str:
    """One sentence about a topic, of at most 40 characters.

    Examples
    --------
    >>> sentence("sea", np.random.default_rng(0))
    'the pirate sinks the ship.'
    """
    if topic not in TOPICS:
        raise ValueError(f"topic must be one of {', '.join(TOPICS)}, got topic={topic!r}")
    who, does, what = TOPICS[topic]

    def one(words: str) -> str:
        listed = words.split()
        return listed[int(rng.integers(len(listed)))]

    how = f"{one(ADJECTIVES)} " if rng.random() < 0.4 else ""
    return f"the {how}{one(who)} {one(does)} {one('the this')} {one(what)}."


def paragraphs(topics: Sequence[str], count: int, seed: int) -> str:
    """A text of paragraphs, one a line: four sentences about a topic that is drawn anew for each.

    Parameters
    ----------
    topics : sequence of str
        Keys of ``TOPICS``.
    count : int
        How many paragraphs, of about 120 characters each.
    seed : int
        Of all that is drawn.

    Raises
    ------
    ValueError
        If a topic is unknown, there is none, or ``count`` is no positive integer.

    Examples
    --------
    >>> for line in paragraphs(["farm", "court"], count=1, seed=0).split(". "):
    ...     print(line)
    the slow lawyer accuses the crime
    the thief accepts this appeal
    the thief denies this case
    the thief accuses the jury.
    <BLANKLINE>
    """
    check.count(count=count)
    check.count(at_least=0, seed=seed)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(_known(topics)), size=count)
    return "\n".join(" ".join(sentence(topics[i], rng) for _ in range(4)) for i in drawn) + "\n"


def labeled(topics: Sequence[str], count: int, seed: int, length: int = 40) -> tuple[Codes, Codes]:
    """Sentences and their topics: a task of classification.

    Parameters
    ----------
    topics : sequence of str
        Keys of ``TOPICS``; a label is a place in this sequence. Each has the same share, to within one.
    count : int
        How many sentences.
    seed : int
        Of all that is drawn.
    length : int
        Of a row; sentences are filled up with code 0 at the end.

    Returns
    -------
    codes, labels : arrays of shapes (count, length) and (count,)

    Raises
    ------
    ValueError
        If a sentence is longer than ``length``, or as for `paragraphs`.

    Examples
    --------
    >>> codes, labels = labeled(["farm", "court"], count=2, seed=0)
    >>> [(decode(row).rstrip(), int(label)) for row, label in zip(codes, labels)]
    [('the slow shepherd feeds the cow.', 0), ('the thief accepts this appeal.', 1)]
    """
    check.count(count=count, length=length)
    check.count(at_least=0, seed=seed)
    rng = np.random.default_rng(seed)
    labels = rng.permutation(count) % len(_known(topics))
    written = [encode(sentence(topics[label], rng)) for label in labels]
    longest = max(map(len, written))
    if longest > length:
        raise ValueError(f"length must be at least {longest}, the longest sentence's, got length={length}")
    return np.stack([np.pad(codes, (0, length - len(codes))) for codes in written]), labels


def windows(text: str, length: int) -> tuple[Codes, Codes]:
    """A text cut into rows for a model that predicts the next character: the codes, and the codes one place on.

    Parameters
    ----------
    text : str
        Of the characters of ``ALPHABET``, more than ``length`` of them.
    length : int
        Of a row. What is left over at the end is dropped.

    Returns
    -------
    inputs, targets : arrays of shape (rows, length)

    Raises
    ------
    ValueError
        If the text is too short.

    Examples
    --------
    >>> inputs, targets = windows("the cow.", length=3)
    >>> [(decode(a), decode(b)) for a, b in zip(inputs, targets)]
    [('the', 'he '), (' co', 'cow')]
    """
    check.count(length=length)
    codes = encode(text)
    rows = (len(codes) - 1) // length
    if rows < 1:
        raise ValueError(f"text must be longer than length={length}, got {len(codes)} characters")
    return codes[: rows * length].reshape(rows, length), codes[1 : rows * length + 1].reshape(rows, length)


def encode(text: str) -> Codes:
    """The codes of a text: places in ``ALPHABET``.

    Raises
    ------
    ValueError
        If it has other characters.
    """
    codes = np.array([ALPHABET.find(character) for character in text], dtype=np.int64)
    if (codes < 0).any():
        raise ValueError(f"text must be made of {ALPHABET!r}, got {text[int(np.argmin(codes))]!r}")
    return codes


def decode(codes: Iterable[int]) -> str:
    """The text that codes stand for.

    Examples
    --------
    >>> decode(encode("a cow."))
    'a cow.'
    """
    return "".join(ALPHABET[code] for code in codes)


def _known(topics: Sequence[str]) -> Sequence[str]:
    if not len(topics):
        raise ValueError(f"topics must hold at least one topic, got topics={topics!r}")
    return topics
