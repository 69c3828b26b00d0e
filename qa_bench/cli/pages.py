"""What ``qa-bench VERB --help`` prints: a page a verb, without importing what the verb needs."""

from __future__ import annotations

from qa_bench.cli.listing import groups

_COMMON = """
Options: -m (each combination of values that commas separate) · --config-dir FOLDER (YAMLs of your
own) · --trust MODULE (classes of your own in them) · --cfg job (print the configuration) · --json.
What is finished is reused; what would be built, and why, is told by `qa-bench plan`.
"""

PAGES: dict[str, str] = {
    "run": """\
qa-bench run [OVERRIDE ...]: the whole line: chunk, index, search, rerank, read, score, tables

  qa-bench run experiment=sample                      the embedded demonstration
  qa-bench run dataset=nq corpus=psgs_w100            BM25 on DPR's passages (21 million)
  qa-bench run dataset=file dataset.path=q.jsonl corpus=jsonl corpus.path=articles.jsonl
  qa-bench run -m experiment=sample dataset=nq,webq retriever=bm25,minilm
  qa-bench run experiment=sample reranker=msmarco_minilm name=reranked

Writes results/<name>.md, .csv and per-question values; prints the table.
""",
    "chunk": """\
qa-bench chunk [OVERRIDE ...]: articles to passages

  qa-bench chunk corpus=sample chunker=words_100_50
  qa-bench chunk corpus=jsonl corpus.path=articles.jsonl chunker=words chunker.size=50

Prints the folder with the passages, and how many there are.
""",
    "index": """\
qa-bench index [OVERRIDE ...]: passages to an index, one a retriever that has one

  qa-bench index corpus=sample retriever=minilm
  qa-bench index corpus=psgs_w100 retriever=bm25

Prints the folders.
""",
    "search": """\
qa-bench search [OVERRIDE ...]: questions to a run

  qa-bench search corpus=sample dataset=nq dataset.split=sample retriever=hybrid_rrf depth=20

Prints the folder with the run.
""",
    "rerank": """\
qa-bench rerank reranker=NAME [OVERRIDE ...]: a run to a better one

  qa-bench rerank corpus=sample dataset.split=sample reranker=msmarco_minilm reranker.depth=20

`qa-bench list reranker` names them. Prints the folder with the run.
""",
    "read": """\
qa-bench read reader=NAME [OVERRIDE ...]: a run to answers

  qa-bench read corpus=sample dataset.split=sample reader=redundancy

`qa-bench list reader` names them. Prints the folder with the answers.
""",
    "score": """\
qa-bench score [OVERRIDE ...]: a run, or a file of answers, to figures and tables

  qa-bench score predictions=answers.jsonl dataset=nq
  qa-bench score predictions=answers.jsonl dataset=file dataset.path=q.jsonl system=mine name=town
  qa-bench score corpus=sample dataset.split=sample   the same as run

predictions=FILE holds {"id", "prediction"} a line, or {id: prediction}; docs/formats.md has more.
A question without a prediction counts as wrong. mode=dpr|drqa|pyserini|flashrag|kilt: whose rules.
""",
    "import": """\
qa-bench import run=FILE [OVERRIDE ...]: score another system's run like ours

  qa-bench import run=nq-test.json dataset=nq system=dpr
  qa-bench import run=theirs.trec dataset=nq corpus=psgs_w100 system=theirs name=nq

A TREC run names passages only: it wants the corpus (and the chunker) they belong to. DPR's and
pyserini's retrieval JSON hold the texts and want none. docs/formats.md has the formats.
""",
    "export": """\
qa-bench export what=run|passages|results format=FORMAT out=FILE [OVERRIDE ...]

  qa-bench export what=run format=trec out=nq.trec corpus=sample dataset.split=sample
  qa-bench export what=passages format=psgs_w100 out=passages.tsv.gz corpus=sample

  qa-bench export what=results format=eee out=store name=sample

what=run goes with format=trec, dpr and pyserini, what=passages with psgs_w100; .gz compresses.
what=results goes with eee (Every Eval Ever), ir_metadata and ro_crate: out= is then a folder.
""",
    "explain": """\
qa-bench explain CELL|QID [name=NAME]: how a figure came about, or what became of a question

  qa-bench explain nq/bm25/answer_recall@20 name=table2
  qa-bench explain nq/bm25 name=table2             all figures of a system on a set
  qa-bench explain nq-test-17 name=table2          every system's rank, answer and passages

A CELL is SET/SYSTEM or SET/SYSTEM/METRIC; systems are named as the table names them, or by their
row's key. Figure, interval and signature; the command; inputs with their hashes; stages with their
keys; where the values of each question lie. --json for programs.
""",
    "table": """\
qa-bench table [FOLDER ...] [name=NAME]: write an experiment's tables again from its results

  qa-bench table name=sample
  qa-bench table results/a ../other/results/b      both in one table, a+b: nothing chosen silently
  qa-bench table name=sample statistics.against=bm25
  qa-bench table name=sample format=latex layout=dpr    also results/<name>.tex

Reads results/<name>/*.json; a row is dropped by deleting its record there.
""",
    "verify": """\
qa-bench verify [name=NAME]: an experiment's figures against the published ones

  qa-bench verify name=dpr_table2
  qa-bench verify name=dpr_table2 --json

A line a cell: OK, CLOSE or OFF, and by how many questions; better than published is OFF too.
What is not compared, and why, comes after. Exit status: 0; 1 where one is OFF; 2 where nothing
compares.
docs/report.md has the tolerances, docs/reproductions.md the figures that experiments should give.
""",
    "tune": """\
qa-bench tune retriever=HYBRID [OVERRIDE ...]: the weight of a hybrid's part, on a dev split

  qa-bench tune corpus=psgs_w100 dataset=nq dataset.split=dev retriever=hybrid
  qa-bench tune corpus=sample dataset.split=sample retriever=hybrid_linear 'tune.weights=[0,1,5]'

tune.part (the last one), tune.weights, tune.metric (answer_recall@20). Prints the curve and the
command that uses the best weight. A test split is refused.
""",
    "plot": """\
qa-bench plot kind=KIND [name=NAME] [OVERRIDE ...]: an experiment's results as pictures

  qa-bench plot kind=curve name=sample                recall by k, with bands
  qa-bench plot kind=forest name=sample statistics.against=bm25 metric=mrr
  qa-bench plot kind=pareto name=sample plot.width=6.8 sets=[nq-sample,webq-sample]

Kinds: curve, forest (differences), pareto (quality against cost), depth (of a reader), chunks (size
of passages), setting (by any number: by=train.examples), scaling (a law of contrastive entropy by
size and examples), alpha (what tune tried), towers (where bi-encoders put questions and passages;
wants plot.pairs=<a file of mine>). system= chooses systems. Writes .svg, .png and .csv into
results/<name>/plots/: docs/plots.md
""",
    "analyse": """\
qa-bench analyse [name=NAME]: an experiment's results by kinds of questions

  qa-bench analyse name=sample

By overlap with the train split, question word and kind of answer: results/<name>.breakdown.md
""",
    "compare": """\
qa-bench compare [FOLDER ...] [name=NAME] a=SYSTEM b=SYSTEM: two systems, question by question

  qa-bench compare name=nq a=bm25 b=minilm            wins, losses, difference, interval, p
  qa-bench compare results/x results/y a=bm25 b=dpr   of several folders
  qa-bench compare name=nq a=ours b=theirs report=engines    are two engines the same?

Every metric, every k; by kinds of questions (compare.kinds=all with overlap); the questions that
one alone gets at compare.metric=answer_recall@20; how far the rankings agree. Writes
results/<name>/compare/<a>--<b>.md, .csv and .questions.csv; --json has a line a set and metric.
docs/compare.md has the tests.
""",
    "diff": """\
qa-bench diff A B [name=NAME]: what differs between two figures, and nothing else

  qa-bench diff nq/bm25 nq/minilm name=nq             set/system, or set/system/metric
  qa-bench diff bm25 minilm name=five                 on all their sets
  qa-bench diff old/nq.json new/nq.json               two records' files

Settings, inputs, versions, figures, rankings, and the questions that moved most
(compare.questions=all). Times, costs and machines are no difference. Exit status 0: the same, 1:
something differs.
""",
    "check": """\
qa-bench check name=NAME [reference=FOLDER] fail_if=CONDITIONS: a gate for continuous integration

  qa-bench check name=pr reference=results/main fail_if='answer_recall@5 < -0.01'
  qa-bench check name=pr fail_if='nq: answer_recall@20 < 0.60; em < 30%'

A bound with a sign is a difference from the reference (paired), one without the figure itself;
METRIC.low and METRIC.high are the ends of the interval. What is missing is a breach. Exit status 1
with a line a breach; writes results/<name>.check.md and .check.xml (JUnit).
""",
    "mine": """\
qa-bench mine [OVERRIDE ...]: DPR's training files, with positive and hard negative passages

  qa-bench mine corpus=psgs_w100 dataset=nq dataset.split=train
  qa-bench mine corpus=psgs_w100 dataset=squad dataset.split=train mine.gold=train-v1.1.json
  qa-bench mine corpus=psgs_w100 dataset=webq dataset.split=train retriever=ance mine.skip=10

Any retriever or reranker is the teacher. A test split is refused. docs/training_data.md has the
rules.
""",
    "synthesize": """\
qa-bench synthesize generator=NAME n=NUMBER [OVERRIDE ...]: a question set of a corpus' own passages

  qa-bench synthesize corpus=jsonl corpus.path=articles.jsonl n=300
  qa-bench synthesize corpus=psgs_w100 n=1000 generator=prompt generator.lm.model=organisation/model
  qa-bench synthesize corpus=sample n=50 'synthesize.round_trip=[bm25,mpnet]' synthesize.k=10

generator=cloze asks no model. Writes questions.jsonl, for dataset=file, and set.md: how many
questions fell to which filter, and the bias that is left. docs/synthesis.md
""",
    "train": """\
qa-bench train reader=NAME|retriever=NAME|reranker=NAME train.data=FILE [OVERRIDE ...]: a model

  qa-bench train reader=extractive train.data=train-v1.1.json
  qa-bench train reader=extractive train.data=mined.json train.objective=dpr train.epochs=4
  qa-bench train retriever=dense train.data=mined.json train.base=FOLDER train.negatives=2

Prints the model's folder, and how to use it. docs/training.md and docs/training_retrievers.md have
the settings.
""",
    "plan": """\
qa-bench plan [OVERRIDE ...]: disk, memory and time before they are spent

  qa-bench plan corpus=psgs_w100 dataset=nq retriever=bm25
  qa-bench plan experiment=table2

The words of a run, or with generator= or synthesize.… those of synthesize. Builds and downloads
nothing, and says what is reused and why the rest is built.
""",
    "list": """\
qa-bench list [GROUP ...]: what can be chosen

  qa-bench list               every group
  qa-bench list retriever     what retriever= can be
""",
    "doctor": """\
qa-bench doctor [OVERRIDE ...]: is everything there that a run needs?

  qa-bench doctor                                     what the embedded sample needs
  qa-bench doctor retriever=minilm                    what this command would need
  qa-bench doctor corpus=psgs_w100 dataset=nq         its files too

A line a check: ok, MISSING (with what it is for; the exit status is 2) or absent (not needed now).
`qa-bench verify-cache` compares finished stages with their hashes.
""",
}


def page(verb: str) -> str:
    """A verb's page; that of a verb that composes a configuration ends with its options."""
    text = PAGES[verb]
    if verb in ("list", "doctor"):
        return text
    return f"{text}{_COMMON}Groups (`qa-bench list GROUP`): {' '.join(groups())}\n"
