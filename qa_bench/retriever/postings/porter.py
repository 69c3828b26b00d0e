"""Porter's stemmer as Lucene has it, over many words at once.

Lucene's departs from the paper of 1980 where Porter's own program does: ``bli`` becomes ``ble`` in
step 2, ``logi`` becomes ``log``, and words of one or two characters stay as they are. Characters
are Java's (UTF-16 units); whatever is no vowel is a consonant, digits and other scripts among them.

Source: Porter 1980, "An algorithm for suffix stripping"; https://tartarus.org/martin/PorterStemmer.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from qa_bench.runtime.compiled import compiled

_STEPS = (
    (-1, "sses:ss ies:i ss:ss s:"),
    (0, "eed:ee ed: ing:"),
    (-1, "at:ate bl:ble iz:ize"),
    (
        0,
        "ational:ate tional:tion enci:ence anci:ance izer:ize bli:ble alli:al entli:ent eli:e "
        "ousli:ous ization:ize ation:ate ator:ate alism:al iveness:ive fulness:ful ousness:ous "
        "aliti:al iviti:ive biliti:ble logi:log",
    ),
    (0, "icate:ic ative: alize:al iciti:ic ical:ic ful: ness:"),
    (
        1,
        "al: ance: ence: er: ic: able: ible: ant: ement: ment: ent: s|ion: t|ion: ou: ism: ate: "
        "iti: ous: ive: ize:",
    ),
)
"""Of each step what a stem must measure more than, and its rules: of the suffixes the first that is
there counts. A letter before ``|`` is part of the stem. The steps are 1a, 1b, what follows 1b, 2, 3
and 4 of the paper; 1c and 5 have no table."""


def stems(words: Sequence[str]) -> list[str]:
    """The stem of each word.

    Args:
        words: in lower case, without line breaks.
    """
    if not words:
        return []
    text = np.frombuffer(("\n".join(words) + "\n").encode("utf-16-le"), dtype=np.uint16)
    room = np.empty(len(text) + 8, dtype=np.uint16)  # a word never grows: what comes is shorter
    size = _stem(text, room, *_tables())
    return room[: size - 1].tobytes().decode("utf-16-le").split("\n")


@cache
def _tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rules, uint16 (rules, 24); where each step's begin, and its bar.

    A rule's row: length of the suffix, how much of it belongs to the stem, length of what takes its
    place; from 4 on the suffix, from 14 on the other.
    """
    rows, firsts = [], [0]
    for _, rules in _STEPS:
        for rule in rules.split():
            suffix, _, other = rule.partition(":")
            row = np.zeros(24, dtype=np.uint16)
            row[1] = max(0, suffix.find("|"))
            suffix = suffix.replace("|", "")
            row[0], row[2] = len(suffix), len(other)
            row[4 : 4 + len(suffix)] = [ord(letter) for letter in suffix]
            row[14 : 14 + len(other)] = [ord(letter) for letter in other]
            rows.append(row)
        firsts.append(len(rows))
    return np.array(rows), np.array(firsts), np.array([bar for bar, _ in _STEPS])


@compiled()
def _stem(text: Any, word: Any, rules: Any, firsts: Any, bars: Any) -> Any:
    """Write the stem of each line of ``text`` into ``word``, a line each; how much they take."""
    vowels = np.zeros(128, dtype=np.bool_)
    for letter in (97, 101, 105, 111, 117):
        vowels[letter] = True
    vowel = np.zeros(len(word), dtype=np.bool_)

    def measure(first: int, end: int) -> int:
        # How often a consonant follows a vowel.
        count = 0
        for at in range(first + 1, end):
            if vowel[at - 1] and not vowel[at]:
                count += 1
        return count

    def mark(first: int, start: int, end: int) -> None:
        # y is a vowel behind a consonant.
        for at in range(start, end):
            if word[at] == 121:
                vowel[at] = at > first and not vowel[at - 1]
            else:
                vowel[at] = word[at] < 128 and vowels[word[at]]

    def short(first: int, end: int) -> bool:
        # Whether it ends in consonant, vowel, consonant, the last not w, x or y.
        if end - first < 3 or vowel[end - 3] or not vowel[end - 2] or vowel[end - 1]:
            return False
        return not (119 <= word[end - 1] <= 121)

    end: Any = 0
    place = 0
    while place < len(text):
        first = end
        while text[place] != 10:
            word[end] = text[place]
            end, place = end + 1, place + 1
        place += 1
        if end - first > 2:
            mark(first, first, end)
            cut = False
            for step in range(6):
                if step == 2 and not cut:
                    continue
                if step == 3 and word[end - 1] == 121:  # 1c
                    for at in range(first, end - 1):
                        if vowel[at]:
                            word[end - 1] = 105
                            vowel[end - 1] = True
                            break
                rule = -1
                stem: Any = end
                for one in range(firsts[step], firsts[step + 1]):
                    length = np.int64(rules[one, 0])
                    same = length <= end - first
                    at = 0
                    while same and at < length:
                        same = word[end - length + at] == rules[one, 4 + at]
                        at += 1
                    if same:
                        rule, stem = one, end - length + np.int64(rules[one, 1])
                        break
                if rule < 0:
                    if step == 2:
                        last = word[end - 1]
                        doubled = end - first > 1 and word[end - 2] == last and not vowel[end - 1]
                        if doubled:
                            if last != 108 and last != 115 and last != 122:
                                end -= 1
                        elif short(first, end) and measure(first, end) == 1:
                            word[end] = 101
                            vowel[end] = True
                            end += 1
                    continue
                if step == 1 and rule > firsts[1]:  # ed, ing: any vowel will do
                    for at in range(first, stem):
                        cut = cut or vowel[at]
                    fits = cut
                else:
                    fits = measure(first, stem) > bars[step]
                if fits:
                    end = stem + np.int64(rules[rule, 2])
                    for at in range(stem, end):
                        word[at] = rules[rule, 14 + at - stem]
                    mark(first, stem, end)
            if word[end - 1] == 101:  # 5a
                count = measure(first, end)
                if count > 1 or (count == 1 and not short(first, end - 1)):
                    end -= 1
            if (
                word[end - 1] == 108
                and end - first > 1
                and word[end - 2] == 108
                and measure(first, end) > 1
            ):  # 5b
                end -= 1
        word[end] = 10
        end += 1
    return end
