"""Deliberate mistakes: each ends with exit status 2 and one line that says what would help."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from bench_helpers import Files, all_complete, error_line, qa, write

SAMPLE = "corpus=sample dataset=nq dataset.split=sample"
QUESTION = '{"id": "q1", "question": "Which planet is the fourth?", "answers": ["Mars"]}\n'
OWN = "dataset=file dataset.path=q.jsonl"
NAME = "a name without slashes and control characters, since files are called after it, got"
CORPORA = "beir, folder, hub, jsonl, psgs_w100, sample, squad, table, wikipedia, wikipedia_all"
DEEP = f"about: {'[' * 5000}{']' * 5000}\n"
BOMB = "a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

MISTAKES: list[tuple[str, str]] = [
    ("rum", "no verb 'rum': use one of … did you mean run?"),
    ("dataset=nq", "no verb 'dataset=nq': use one of … the verb comes first: qa-bench run "
     "dataset=nq"),
    ("run retreiver=bm25", "Could not override 'retreiver'. There is no such setting: … did you "
     "mean "
     "retriever?"),
    (f"run {SAMPLE} retriever=minilim", "Could not find 'retriever/minilim': retriever= is one "
     "of … "
     "did you mean minilm?"),
    ("run dataset=trivia", "Could not find 'dataset/trivia': dataset= is one of beir, "
     "curatedtrec, … "
     "did you mean triviaqa?"),
    (f"run {SAMPLE} retriever.K1=1.2", "Could not override 'retriever.K1'. There is no such "
     "setting: "
     "retriever has k1, b, …; did you mean k1?"),
    (f"run {SAMPLE} runtime.cores=2", "Could not override 'runtime.cores'. There is no such "
     "setting: "
     "runtime has threads, java_heap, device, batch_size, progress"),
    (f"run {SAMPLE} +retriver.k1=2", "retriver: no such setting: … did you mean retriever?"),
    (f"run {SAMPLE} reader=null", "reader=null: the name of a choice, such as …"),
    (f"run {SAMPLE} retriever.k1=abc", "retriever.k1: a number >= 0, got 'abc'"),
    (f"run {SAMPLE} depth=0", "depth: a whole number >= 1, got '0'"),
    (f"run {SAMPLE} mode=exact", "match mode 'exact' is unknown: use one of dpr, …"),
    (f"run {SAMPLE} metrics.answer_recall.k=[0]", "…k…0…"),
    ("run", f"no corpus is chosen: corpus=<one of {CORPORA}> (psgs_w100 has 21 million passages, "
     "sample 269), or corpus.path=<a file of psgs_w100's format>"),
    ("chunk corpus.path=none.tsv", "corpus.path: no such file: none.tsv"),
    ("chunk corpus=jsonl", "the corpus needs corpus.path=<file, glob or list of them>"),
    (f"run {SAMPLE} name=a/b", f"name: {NAME} 'a/b'"),
    (f"run {SAMPLE} dataset.name=../../x", f"dataset.name: {NAME} '../../x'"),
    (f"run {SAMPLE} system=..", "system: a name that does not begin with a dot, got '..'"),
    (f"run {SAMPLE} name={'n' * 101}", "name: a name of at most 100 bytes, since files are called "
     "after it, got 101: 'nnnnnnnnnnnnnnnnnnnn…'"),
    (f"index {SAMPLE} retriever._target_=my_code.Mine", "retriever: my_code.Mine is code from "
     "outside "
     "of qa_bench: if you trust it, add --trust my_code to the command (or set "
     "QA_BENCH_TRUST=my_code)"),
    (f"index {SAMPLE} retriever._target_=mine.Mine --trust mine.py", "--trust mine.py: name a "
     "module as "
     "Python imports it, without folder, suffix and dots: --trust mine"),
    (f"chunk {SAMPLE} +hydra.callbacks.x._target_=os.system", "hydra.callbacks.x._target_: "
     "os.system is "
     "none of Hydra's own classes nor of its plugins': …--trust os…"),
    ("run dataset=nq,webq corpus=sample", "dataset=nq,webq: add -m to run each of them, …"),
    ("run -m corpus=sample retriever=bm25,minilm retriever.k1=1.2", "Could not override "
     "'retriever.k1': retriever=minilm has no k1, bm25 has: a command of its own for it, "
     "retriever=bm25 retriever.k1=…, with the same name=, makes one table of both"),
    (f"import {SAMPLE} run=x.trec expander=hyde expander.lm.model=m", "run= has been searched "
     "already, without an expander: expander=none, or no run="),
    (f"import {SAMPLE} run=x.trec retriever=minilm", "run= and retriever=: a run has been searched "
     "already; leave one away"),
    ("tune corpus=sample dataset=nq retriever=hybrid_linear", "weights are not tuned on a test "
     "split: set dataset.split=dev"),
    ("run fusion=rrf", "Could not override 'fusion': no fusion stands by itself: write "
     "fusion@expander.fusion=, fusion@retriever.fusion="),
    ("run +retriever=minilm", "retriever is chosen twice: write retriever=, without a plus"),
    ("run retriever.k1", "cannot read the override 'retriever.k1': write key=value, …"),
    ("run 'dataset=[nq'", "cannot read the override 'dataset=[nq': as text it would be "
     "'dataset=\"[nq\"', both quotes included"),
    (f"run {SAMPLE} --config-dir conf retriever=deep", "…retriever/deep.yaml:1: more than 50 "
     "levels "
     "deep"),
    (f"run {SAMPLE} --config-dir conf retriever=bomb", "…retriever/bomb.yaml:6: more than 100,000 "
     "values in all"),
    (f"run {SAMPLE} --config-dir conf retriever=twice", "…retriever/twice.yaml:2: no YAML: found "
     "duplicate key k1"),
    (f"run {SAMPLE} --config-dir conf retriever=tabs", "…retriever/tabs.yaml:2: no YAML: found "
     "character '\\t' that cannot start any token; indent with spaces, not tabs"),
    (f"run {SAMPLE} --config-dir conf retriever=text", "…retriever/text.yaml:1: no YAML of "
     "settings…"),
    ("list retreiver", "no group 'retreiver': use one of … did you mean retriever?"),
    ("doctor retriver=bm25", "Could not override 'retriver'. … did you mean retriever?"),
    ("import corpus=sample", "import needs run=<file>: …"),
    (f"import run=bad.trec {OWN} corpus=sample", "bad.trec:1: … 6 columns…"),
    (f"import run=bad.trec {OWN}", "no corpus is chosen: …"),
    (f"score {OWN}", "no corpus is chosen: … or predictions=<a file of answers>, …"),
    (f"run {SAMPLE} --jsn", "no option --jsn; did you mean --json?"),
    (f"score predictions=none.jsonl {OWN}", "none.jsonl: no such file…"),
    ("table name=empty", "no results of experiment 'empty' in results: qa-bench run makes them"),
    ("fetch corpus=psgs_w100", "this is a download of 4.7 GB: `qa-bench plan` with the same "
     "words says "
     "what the whole takes; yes=true downloads it"),
    ("export what=run format=psgs_w100 out=x corpus=sample", "cannot export what=run as "
     "format=psgs_w100: use …"),
    ("tune corpus=sample dataset.split=sample", "retriever bm25 is no hybrid: it has no fusion"),
    ("train reader=extractive", "train needs train.data=<…"),
]  # fmt: skip
"""A command and the line that it ends with; ``…`` stands for anything."""

FILES: Files = {
    "q.jsonl": QUESTION,
    "bad.trec": "q1 Q0 p1\n",
    "mine.py": "raise SystemExit('imported')\n",
    "my_code.py": "raise SystemExit('imported')\n",
    "conf/retriever/deep.yaml": DEEP,
    "conf/retriever/bomb.yaml": BOMB,
    "conf/retriever/twice.yaml": "k1: 1\nk1: 2\n",
    "conf/retriever/tabs.yaml": "a:\n\tb: 1\n",
    "conf/retriever/text.yaml": "bm25\n",
}


def agrees(message: str, line: str) -> bool:
    """Whether a message is ``line``, whatever stands for ``…``."""
    place = 0
    pieces = line.split("…")
    for number, piece in enumerate(pieces):
        at = message.find(piece, place)
        if at < 0 or (number == 0 and at):
            return False
        place = at + len(piece)
    return not pieces[-1] or message.endswith(pieces[-1])


@pytest.mark.parametrize(("words", "line"), MISTAKES, ids=[words for words, _ in MISTAKES])
def test_a_mistake_is_one_line(words: str, line: str, tmp_path: Path) -> None:
    work = tmp_path / "work"
    write(work, FILES)
    fetches = words.startswith("fetch")  # lists what it would get before it asks
    done = qa(*shlex.split(words), cwd=work, env={"HF_HUB_OFFLINE": "0"} if fetches else None)
    if fetches:
        assert "missing  corpus psgs_w100  4.7 GB" in done.stdout
        done.stdout = ""
    message = error_line(done)
    assert agrees(message, line), message
    assert all_complete(work)
    assert not (work / "results").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


def test_there_are_enough_of_them() -> None:
    assert len(MISTAKES) >= 20
