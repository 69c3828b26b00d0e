"""Could the answer be had from the train split? Test-train overlap after Lewis et al. (EACL 2021).

Whether a test question paraphrases a train question, people have annotated for some sets; whether
one of its answers is an answer of the train split, a rule decides.
"""

from __future__ import annotations

from pathlib import Path

from qa_bench.analysis.subject import Subject, Subsets, UnknownError
from qa_bench.errors import DataError, UserError
from qa_bench.formats.lines import read_json_lines
from qa_bench.text import squad_normalize

SUBSETS = (
    "question_overlap", "answer_overlap_only", "no_overlap", "answer_overlap", "no_answer_overlap",
)  # fmt: skip
"""The first three part the questions annotated for question overlap, the last two all."""


def subsets(subject: Subject) -> Subsets:
    """The annotated subsets where the set has annotations, else those that the rule gives.

    Raises:
        UnknownError: neither annotations nor a train split are there.
    """
    annotations = subject.folder / f"{subject.split}.overlap.jsonl"
    members = _annotated(annotations, subject) if annotations.is_file() else _ruled(subject)
    return {name: members[name] for name in SUBSETS if any(members.get(name, ()))}


def _annotated(path: Path, subject: Subject) -> Subsets:
    """``{"id", "labels"}`` lines; an id is the question's, or its place from 0.

    Raises:
        UnknownError: they name none of the questions.
        DataError: a line is something else.
    """
    labels: dict[str, set[str]] = {}
    for number, row in read_json_lines(path):
        kinds = row.get("labels")
        if not isinstance(kinds, list) or "id" not in row:
            raise DataError('expected {"id": …, "labels": […]}', path, number)
        labels[str(row["id"])] = set(map(str, kinds))
    of_each = [
        labels.get(question.qid, labels.get(str(place), set()))
        for place, question in enumerate(subject.questions)
    ]
    if not any(of_each):
        raise UnknownError(f"{path} names none of these questions")
    members = {name: [name in kinds for kinds in of_each] for name in SUBSETS}
    neither = {"no_question_overlap", "no_answer_overlap"}
    members["no_overlap"] = [bool({"no_overlap"} & kinds) or neither <= kinds for kinds in of_each]
    return members


def _ruled(subject: Subject) -> Subsets:
    """Does one of the answers, normalised as SQuAD does, occur among those of the train split?

    Patterns are compared as they are written.

    Raises:
        UnknownError: there is no train split, or there are no answers.
    """
    if subject.split == "train":
        raise UnknownError("it is the train split itself")
    if not any(question.answers for question in subject.questions):
        raise UnknownError("there are no answers")
    try:
        train = subject.train()
    except UserError as error:
        raise UnknownError(str(error)) from None
    answers = {squad_normalize(answer) for question in train for answer in question.answers} - {""}
    overlaps = [
        any(squad_normalize(answer) in answers for answer in question.answers)
        for question in subject.questions
    ]
    return {"answer_overlap": overlaps, "no_answer_overlap": [not one for one in overlaps]}
