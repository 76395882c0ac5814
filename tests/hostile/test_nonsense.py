"""Nonsense into every reader: the seeds, and what mutation makes of them. The fuzzers do the same for hours."""

from __future__ import annotations

import random
from functools import partial

import pytest
from pace import within

from tests.hostile import DONE, SEED, sized
from tests.hostile.targets import TARGETS, corpus

WORDS = (b"---\n", b"lora", b"LoRA", b"```", b"|", b"\n\n", b"{", b"}", b"[" * 40, b'"', b"\x00", b"\xff\xfe", b"\xf0\x9f\x92\xa9", b"&a ", b"*a ", b"!!", b"1e999", b"\r", b"\\u202e", b"<pre>", b"](")  # fmt: skip


def mutated(seed: bytes, other: bytes, dice: random.Random) -> bytes:
    """Returns ``seed`` after a few changes: bytes flipped, parts left out, doubled, words and other seeds put in."""
    data = bytearray(seed)
    for _ in range(dice.randint(1, 8)):
        at, to = sorted(dice.randint(0, len(data)) for _ in range(2))
        match dice.randrange(6):
            case 0 if data:
                data[at % len(data)] ^= 1 << dice.randrange(8)
            case 1:
                del data[at:to]
            case 2:
                data[at:at] = data[at:to] * dice.randint(1, 4)
            case 3:
                data[at:at] = dice.choice(WORDS) * dice.choice((1, 1, 3, 60))
            case 4:
                data[at:to] = other[: dice.randint(0, len(other))]
            case _:
                data[at:at] = bytes(dice.randrange(256) for _ in range(4))
    return bytes(data[:6000])


@pytest.mark.parametrize("name", list(TARGETS))
def test_nonsense_breaks_nothing(name: str) -> None:
    """Seeds and their mutations hold what the target promises, none takes more than two seconds."""
    target, seeds, dice = TARGETS[name], corpus(name), random.Random(SEED)
    tried = [
        *seeds,
        b"",
        b"\xff",
        *(mutated(dice.choice(seeds), dice.choice(seeds), dice) for _ in range(sized(300, 10_000))),
    ]
    for data in tried:
        try:
            within(2, partial(target, data))
        except Exception as error:
            raise AssertionError(f"{name} on {data!r}") from error
    DONE["inputs of nonsense"] += len(tried)
