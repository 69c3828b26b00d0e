"""How a question is matched against two fields, as queries of Lucene.

Fields that are put together as Elasticsearch's ``multi_match`` and ``combined_fields`` do it; the
words are Lucene's (``BooleanQuery``, ``DisjunctionMaxQuery``, ``CombinedFieldQuery``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

FIELDS = {"title": "title", "text": "contents"}
"""What the index calls each field."""


class Match(NamedTuple):
    """What is asked of the fields.

    Attributes:
        kind: one of ``KINDS``.
        weights: of each field of the index, above 0.
        tie: share that fields other than the best one have in ``best`` and ``phrase``.
        slop: by how many places the words of a phrase may be moved.
    """

    kind: str
    weights: Mapping[str, float]
    tie: float
    slop: int


class Queries:
    """Makes queries, in one thread: all objects of a Java class share their methods (pyjnius)."""

    def __init__(self, autoclass: Any, analyzer: Any, match: Match) -> None:
        """Look the classes of Lucene up.

        Args:
            autoclass: pyjnius' ``autoclass``.
            analyzer: of both fields.
            match: what is asked of them.
        """
        self._analyzer, self._match = analyzer, match
        self._make = _KINDS[match.kind]
        search = "org.apache.lucene.search"
        self._bag = autoclass("io.anserini.search.query.BagOfWordsQueryGenerator")()
        self._phrases = autoclass("org.apache.lucene.util.QueryBuilder")(analyzer)
        self._tokens = autoclass("io.anserini.analysis.AnalyzerUtils").analyze
        self._term = autoclass("org.apache.lucene.index.Term")
        self._combined = autoclass("org.apache.lucene.sandbox.search.CombinedFieldQuery$Builder")
        self._boosted = autoclass(f"{search}.BoostQuery")
        self._any = autoclass(f"{search}.BooleanQuery$Builder")
        self._should = autoclass(f"{search}.BooleanClause$Occur").SHOULD
        self._best = autoclass(f"{search}.DisjunctionMaxQuery")
        self._list = autoclass("java.util.ArrayList")

    def query(self, text: str) -> Any:
        """The query of a question."""
        return self._make(self, text)

    def most(self, text: str) -> Any:
        """The sum of the fields' scores for the question's words."""
        return self._sum([self._of_field(field, text) for field in self._match.weights])

    def best(self, text: str) -> Any:
        """The best field's score for the question's words, and ``tie`` times the others'."""
        return self._largest([self._of_field(field, text) for field in self._match.weights])

    def cross(self, text: str) -> Any:
        """The question's words, each in all fields as if they were one.

        A word's counts and the fields' lengths are summed by the fields' weights, as in BM25F. One
        ``CombinedFieldQuery`` a word: several words in one would be taken for synonyms.
        """
        clauses = []
        for term, count in Counter(list(self._tokens(self._analyzer, text))).items():
            builder = self._combined()
            for field, weight in self._match.weights.items():
                builder.addField(field, weight)
            builder.addTerm(self._term("", term).bytes())
            clauses.append(self._boosted(builder.build(), float(count)))
        return self._sum(clauses)

    def phrase(self, text: str) -> Any:
        """The question's words in their order, in one field; the others count by ``tie``."""
        phrases = []
        for field, weight in self._match.weights.items():
            phrase = self._phrases.createPhraseQuery(field, text, self._match.slop)
            if phrase is not None:  # a question of stop words has none
                phrases.append(self._boosted(phrase, weight))
        return self._largest(phrases)

    def _of_field(self, field: str, text: str) -> Any:
        words = self._bag.buildQuery(field, self._analyzer, text)
        return self._boosted(words, self._match.weights[field])

    def _sum(self, queries: list[Any]) -> Any:
        builder = self._any()
        for query in queries:
            builder.add(query, self._should)
        return builder.build()

    def _largest(self, queries: list[Any]) -> Any:
        several = self._list()
        for query in queries:
            several.add(query)
        return self._best(several, self._match.tie)


_KINDS = {
    "most": Queries.most,
    "best": Queries.best,
    "cross": Queries.cross,
    "phrase": Queries.phrase,
}
KINDS = tuple(_KINDS)
"""The values of ``retriever.match``."""
