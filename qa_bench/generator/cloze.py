"""A sentence with a name, a date or the title taken out: questions without any model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import regex

from qa_bench.engine.digests import digest
from qa_bench.errors import UserError
from qa_bench.formats.sentence_split import one_line, sentence_spans
from qa_bench.generator.spans import spans
from qa_bench.metric.matching import has_answer
from qa_bench.parts import Part
from qa_bench.settings import whole_number
from qa_bench.synthetic.drafts import Draft, Drafts
from qa_bench.synthetic.standalone import standalone
from qa_bench.types import Passage, Runtime, Step

_BEGIN = regex.compile(r"[\"'“‘«(\[]*[\p{Lu}\p{Lt}\p{Lo}\p{N}]")
_END = regex.compile(r"[.!?…。！？][\"'”’»)\]]*\Z")
NOTHING_TO_MASK = "nothing to take out"
_PASSAGES_PER_S = 1000


class Cloze(Part):
    """Asks for what a blank in a sentence stands for.

    Source: Lewis et al. 2019, Unsupervised question answering by cloze translation (ACL), of which
    this is the first half, with names by their capitals instead of a tagger's; the sentence as a
    question is ORQA's inverse cloze task (Lee et al. 2019).
    """

    def __init__(self, mask: str = "_____", least: int = 8, most: int = 40, seed: int = 0) -> None:
        """Check the settings.

        Args:
            mask: what stands where the answer was.
            least: words that a sentence must have.
            most: words that it may have.
            seed: of the choice among what could be taken out.

        Raises:
            UserError: a setting is out of range.
        """
        if not isinstance(mask, str) or not mask.strip():
            raise UserError(f"generator.mask: a text, got '{mask}'")
        self._mask = mask
        self._least = whole_number("generator.least", least)
        self._most = whole_number("generator.most", most, least)
        self._seed = whole_number("generator.seed", seed, 0)

    def make(self, passages: Sequence[Passage], runtime: Runtime) -> Drafts:
        """See ``Generator``; which span it is depends on the seed and the passage alone."""
        return Drafts(self._draft(passage) for passage in passages)

    def plan(self, passages: int, runtime: Runtime) -> Step:
        """A passage takes about a millisecond."""
        return Step("generate", 0, passages / _PASSAGES_PER_S, "0.3 GB")

    def _draft(self, passage: Passage) -> Draft:
        """One of those that stand alone; of the others, where there are no such.

        What comes of those is up to the filters, which count them.
        """
        sentences, first = whole_sentences(passage)
        drafts = [draft for sentence in sentences for draft in self._drafts(sentence, passage)]
        doubtful = [draft for sentence in first for draft in self._drafts(sentence, passage)]
        alone, late = (
            [draft for draft in several if standalone(draft.question)]
            for several in (drafts, doubtful)
        )
        chosen = alone or late or drafts or doubtful
        if not chosen:
            return Draft(problem=NOTHING_TO_MASK)
        number = int(digest([self._seed, passage.title, passage.text]), 16)
        return chosen[number % len(chosen)]

    def _drafts(self, sentence: str, passage: Passage) -> Iterator[Draft]:
        """All that could be asked with a sentence, in the order of its text."""
        if not self._least <= len(sentence.split()) <= self._most:
            return
        for first, last in spans(sentence, passage.title, passage.text):
            question = f"{sentence[:first]}{self._mask}{sentence[last:]}"
            answer = sentence[first:last]
            if not has_answer(question, [answer]):
                yield Draft(question, answer)


def whole_sentences(passage: Passage) -> tuple[list[str], list[str]]:
    """The sentences of a passage that begin with a capital or a digit and end with a mark.

    Returns:
        Those that are whole, each in one line; and the first one, where it may be the rest of a
        longer one: it is whole for sure only if it begins with the title. Titles that a chunker put
        before it are taken away.
    """
    title = one_line(passage.title)
    sentences = [one_line(passage.text[start:end]) for start, end in sentence_spans(passage.text)]
    begin = regex.compile(rf"{regex.escape(title)}(?!\w)")
    titled = bool(title and sentences and begin.match(sentences[0]))
    while sentences[:1] == [title]:
        sentences.pop(0)
    if titled and sentences:
        while (rest := sentences[0].removeprefix(f"{title} ")) != sentences[0]:
            if not _BEGIN.match(rest):
                break
            sentences[0] = rest
    whole = [one for one in sentences if _BEGIN.match(one) and _END.search(one)]
    if not titled and whole and whole[0] == sentences[0]:
        return whole[1:], whole[:1]
    return whole, []
