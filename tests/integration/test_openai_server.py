"""A reader behind an OpenAI-compatible server that goes wrong in every way servers do."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bench_helpers import SAMPLE_NQ, error_line, stage_folders
from reply_server import FAULTS, Server

from qa_bench.errors import UserError
from qa_bench.lm.openai_server import OpenAIServer
from qa_bench.net.address import Address
from qa_bench.net.connection import Connection
from qa_bench.net.failures import TryAgain
from qa_bench.types import Runtime

QUIET = Runtime(progress=False)
KEY = "sk-a-secret-that-must-not-show"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as serving:
        yield serving


@pytest.fixture
def model(server: Server) -> Callable[..., OpenAIServer]:
    def make(**settings: Any) -> OpenAIServer:
        known = {"url": server.url, "model": "m", "timeout_s": 0.5, "backoff_s": 0.01}
        return OpenAIServer(**{**known, **settings})

    return make


# What is asked


def test_chat(server: Server, model: Any) -> None:
    lm = model(system="Be brief.", seed=7, stop=["\n"], extra={"reasoning_effort": "low"})
    replies = lm.generate(["hello", "good bye"], QUIET)
    assert [reply[:3] for reply in replies] == [("HELLO", 1, 2), ("GOOD BYE", 2, 2)]
    body = next(body for body in server.bodies if body["messages"][1]["content"] == "hello")
    assert body == {
        "path": "/v1/chat/completions",
        "model": "m",
        "max_tokens": 64,
        "temperature": 0.0,
        "seed": 7,
        "stop": ["\n"],
        "reasoning_effort": "low",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hello"},
        ],
    }
    assert "Authorization" not in server.headers[0]


def test_completions(server: Server, model: Any) -> None:
    lm = model(api="completions", max_tokens=None, temperature=None)
    assert lm.generate(["hello"], QUIET)[0].text == "HELLO"
    assert server.bodies == [{"path": "/v1/completions", "model": "m", "prompt": "hello"}]


def test_nothing_is_asked_twice(server: Server, model: Any, tmp_path: Path) -> None:
    cache = str(tmp_path / "replies.sqlite")
    first = model(cache=cache).generate(["a", "b", "a"], QUIET)
    assert [reply.text for reply in first] == ["A", "B", "A"]
    assert server.asked == {"a": 1, "b": 1}
    assert model(cache=cache).generate(["b", "a", "a"], QUIET) == [first[1], first[0], first[0]]
    assert len(server.bodies) == 2
    for other in ({"model": "n"}, {"max_tokens": 5}, {"system": "x"}, {"api": "completions"}):
        before = len(server.bodies)
        model(cache=cache, **other).generate(["a"], QUIET)
        assert len(server.bodies) == before + 1, other
    for same in ({"concurrency": 3}, {"timeout_s": 1}, {"tries": 2}):
        model(cache=cache, **same).generate(["a"], QUIET)
    assert len(server.bodies) == 6


def test_draws(server: Server, model: Any, tmp_path: Path) -> None:
    lm = model(cache=str(tmp_path / "replies.sqlite"), temperature=1, seed=10)
    lm.generate(["a", "b", "a"], QUIET)
    asked = sorted((body["messages"][0]["content"], body["seed"]) for body in server.bodies)
    assert asked == [("a", 10), ("a", 11), ("b", 10)]
    lm.generate(["a", "a", "a"], QUIET)
    assert len(server.bodies) == 4
    assert server.bodies[-1]["seed"] == 12


# What goes wrong


@pytest.mark.parametrize("fault", FAULTS)
def test_retried(fault: str, server: Server, model: Any) -> None:
    server.fault = lambda prompt, n: fault if n <= 2 else None
    replies = model().generate(["a", "b"], QUIET)
    assert [reply.text for reply in replies] == ["A", "B"]
    assert [reply.error for reply in replies] == [None, None]
    assert min(server.asked.values()) >= 3


@pytest.mark.parametrize("fault", FAULTS)
def test_failed(fault: str, server: Server, model: Any, tmp_path: Path) -> None:
    server.fault = lambda prompt, n: fault if prompt == "bad" else None
    lm = model(tries=2, timeout_s=0.3, cache=str(tmp_path / "replies.sqlite"))
    good, bad = lm.generate(["good", "bad"], QUIET)
    assert (good.text, good.error) == ("GOOD", None)
    assert bad.text == ""
    assert bad.error.endswith("(tried 2 times)")
    assert "\n" not in bad.error
    server.fault = lambda prompt, n: None
    before = server.asked["good"]
    assert [reply.text for reply in lm.generate(["good", "bad"], QUIET)] == ["GOOD", "BAD"]
    assert server.asked["good"] == before, "only the failed one is asked again"


@pytest.mark.parametrize("fault", ["500", "empty"])
def test_all_failed(fault: str, server: Server, model: Any) -> None:
    server.fault = lambda prompt, n: fault
    with pytest.raises(UserError, match=r"no reply at all: .*\(tried 2 times\)"):
        model(tries=2).generate(["a", "b"], QUIET)


def test_what_a_server_says_is_told_though_its_status_is_good(server: Server, model: Any) -> None:
    server.fault = lambda prompt, n: "200"
    with pytest.raises(UserError, match=r"a reply without choices\[0\]: no: None \(tried"):
        model(tries=1).generate(["a"], QUIET)


def test_a_reply_in_parts(server: Server, model: Any) -> None:
    parts = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "A"}]
    server.reply = lambda prompt: [*parts, {"type": "text", "text": "B"}]  # type: ignore[assignment, return-value]
    assert [reply.text for reply in model().generate(["a"], QUIET)] == ["AB"]


def test_no_server(model: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        with pytest.raises(UserError, match="no reply at all: no connection"):
            model(url=url, tries=2).generate(["a"], QUIET)


def test_a_server_that_is_away_is_given_up(server: Server, model: Any) -> None:
    server.fault = lambda prompt, n: None if prompt == "0" else "500"
    replies = model(tries=2, concurrency=2).generate([str(n) for n in range(300)], QUIET)
    assert replies[0].text == "0"
    assert all(reply.error for reply in replies[1:])
    assert replies[-1].error.startswith("not asked")
    assert len(server.bodies) < 60


def test_a_prompt_that_is_refused_is_not_asked_again(server: Server, model: Any) -> None:
    server.fault = lambda prompt, n: "400" if prompt == "long" else None
    _, refused = model().generate(["a", "long"], QUIET)
    assert refused.error == "status 400: no: None"
    assert server.asked["long"] == 1


@pytest.mark.parametrize("status", ["401", "403", "404", "301"])
def test_a_refusal_that_concerns_all_ends_it(
    status: str, server: Server, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_KEY", KEY)
    server.fault = lambda prompt, n: status
    with pytest.raises(UserError, match=f"status {status}") as caught:
        model(key_from="THE_KEY", concurrency=2).generate([str(n) for n in range(100)], QUIET)
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(server.bodies) < 20


def test_retry_after_holds_all(server: Server, model: Any) -> None:
    server.fault = lambda prompt, n: "429 1" if prompt == "0" and n == 1 else None
    server.seconds = 0.02
    model(concurrency=4).generate([str(n) for n in range(100)], QUIET)
    longest = max(b - a for a, b in zip(server.times, server.times[1:], strict=False))
    assert longest > 0.7, "nobody asked while the server wanted peace"
    assert len(server.bodies) == 101


def test_rate_limit(server: Server, model: Any) -> None:
    model(requests_per_minute=1200, concurrency=8).generate([str(n) for n in range(21)], QUIET)
    assert server.times[-1] - server.times[0] > 0.9 * 20 * 0.05


def test_interrupted_at_once(server: Server, model: Any, tmp_path: Path) -> None:
    """What came is kept, nobody waits for the rest."""
    cache = str(tmp_path / "replies.sqlite")
    server.fault = lambda prompt, n: None if prompt == "quick" else "stall"
    lm = model(timeout_s=30, cache=cache)
    asking = lm._ask

    def interrupted(requests: Any) -> Iterator[Any]:
        yield next(asking(requests))
        raise KeyboardInterrupt

    lm._ask = interrupted
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        lm.generate(["quick", "slow", "slower"], QUIET)
    assert time.monotonic() - began < 4
    assert model(cache=cache).generate(["quick"], QUIET)[0].text == "QUICK"
    assert server.asked["quick"] == 1


def test_stopped_while_it_opens(server: Server) -> None:
    """Nobody closes what was opened too late to be closed with the others."""
    server.fault = lambda prompt, n: "stall"
    stopped = threading.Event()
    connection = Connection(Address.of(server.url), 30, stopped)
    stopped.set()
    connection.close()
    with pytest.raises(TryAgain, match="closed"):
        connection.request("POST", "/completions", {}, 30, b'{"prompt": "slow"}')
    assert not server.bodies


def test_saturated_with_1000_questions(server: Server, model: Any, tmp_path: Path) -> None:
    server.seconds = 0.1
    lm = model(concurrency=16, timeout_s=10, cache=str(tmp_path / "replies.sqlite"))
    prompts = [f"question {n}" for n in range(1000)]
    began = time.monotonic()
    replies = lm.generate(prompts, QUIET)
    wall = time.monotonic() - began
    assert [reply.text for reply in replies] == [prompt.upper() for prompt in prompts]
    assert server.most == 16
    assert server.busy / wall > 0.6 * 16, "saturated, as far as a busy machine lets it be"
    lm.generate(prompts, QUIET)
    assert len(server.bodies) == 1000, "a repeated run makes no request"


@pytest.mark.parametrize(
    "usage",
    [{"prompt_tokens": 10**20}, {"prompt_tokens": -1, "completion_tokens": 2.5}, [], "many", True,
     {"prompt_tokens": True}, {"prompt_tokens": {}}, {"completion_tokens": "9" * 99}],
)  # fmt: skip
def test_absurd_counts_cost_no_reply(
    server: Server, model: Any, tmp_path: Path, usage: object
) -> None:
    """Neither theirs nor those of the others, and they are counted as nothing."""
    server.usage = lambda prompt: usage if prompt == "odd" else {"prompt_tokens": 5}
    cache = str(tmp_path / "replies.sqlite")
    prompts = [*(f"p{n}" for n in range(20)), "odd"]
    replies = model(cache=cache, concurrency=1).generate(prompts, QUIET)
    assert [reply[:3] for reply in replies[-2:]] == [("P19", 5, 0), ("ODD", 0, 0)]
    assert model(cache=cache).generate(prompts, QUIET) == replies
    assert len(server.bodies) == 21


# The whole line


def texts_of(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes()


CAPITALS = {"France": "Paris", "Peru": "Lima", "Japan": "Tokyo", "Kenya": "Nairobi"}


@pytest.fixture
def asked_of(tmp_path: Path, cli: Any, server: Server) -> Callable[..., Any]:
    questions = [
        {"id": f"q{n}", "question": f"capital of {land}?", "answers": [city]}
        for n, (land, city) in enumerate(CAPITALS.items())
    ]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in questions))
    run = [
        {
            "question": row["question"],
            "answers": row["answers"],
            "ctxs": [
                {"id": f"{n}", "title": "A land", "text": f"Its capital is {row['answers'][0]}.",
                 "score": 2.0},
                {"id": "90", "title": "Other", "text": "Nothing here.", "score": 1.0},
            ],
        }
        for n, row in enumerate(questions)
    ]  # fmt: skip
    (tmp_path / "run.json").write_text(json.dumps(run))
    server.reply = lambda prompt: (
        "**Answer:** "
        + next((city for city in CAPITALS.values() if f"capital is {city}" in prompt), "unknown")
        + ".\nBecause it says so."
    )

    def ask(*words: str) -> Any:
        return cli(
            "run", "dataset=file", "dataset.path=q.jsonl", "run=run.json", "reader=generative",
            f"reader.lm.url={server.url}", "reader.lm.model=m", "reader.lm.key_from=THE_KEY",
            "reader.lm.timeout_s=1", "reader.lm.tries=2", "reader.lm.backoff_s=0.01", "--json",
            *words, env={"THE_KEY": KEY},
        )  # fmt: skip

    return ask


def test_line(asked_of: Any, server: Server, tmp_path: Path) -> None:
    """A failed question is wrong, listed and asked again; the others are asked once."""
    faults = {"France": "500", "Kenya": "half"}
    server.fault = lambda prompt, n: (
        "500"
        if "Peru" in prompt
        else next((faults[land] for land in faults if land in prompt and n == 1), None)
    )
    done = asked_of()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["em"] == 0.75
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    prompt = server.bodies[0]["messages"][0]["content"]
    assert prompt.index("A land\nIts capital is") < prompt.index("Other\nNothing here.")
    assert prompt.endswith("?\nAnswer:")
    assert sorted(server.asked.values()) == [1, 2, 2, 2]
    [line] = [line for line in done.stderr.splitlines() if line.startswith("read: 1 of 4")]
    assert line.endswith("(first: status 500 (tried 2 times)): q1")
    [predictions] = tmp_path.glob("data/cache/read/*/predictions.jsonl")
    answered = [json.loads(row) for row in predictions.read_text().splitlines()]
    assert answered == [
        {"id": "q0", "prediction": "Paris"},
        {"id": "q2", "prediction": "Tokyo"},
        {"id": "q3", "prediction": "Nairobi"},
    ]
    failed = json.loads(predictions.with_name("failed.jsonl").read_text())
    assert failed == {"id": "q1", "why": "status 500 (tried 2 times)"}
    counts = json.loads(predictions.with_name("manifest.json").read_text())["counts"]
    assert (counts["failed"], counts["completion_tokens"]) == (1, 6)

    requests = len(server.bodies)
    server.fault = lambda prompt, n: None
    mended = asked_of()
    assert json.loads(mended.stdout)["em"] == 1
    assert "questions failed, count as wrong" not in mended.stderr
    assert len(server.bodies) == requests + 1, "only the failed one"
    counts = json.loads(predictions.with_name("manifest.json").read_text())["counts"]
    assert (counts["failed"], counts["completion_tokens"]) == (0, 8)

    whole_replies = asked_of("reader.short=false", "verbose=true")
    assert json.loads(whole_replies.stdout)["em"] == 0
    assert "4 kept, 0 to ask for" in whole_replies.stderr
    assert len(server.bodies) == requests + 1, "the replies are on the disk"
    for run in (done, mended, whole_replies):
        assert KEY not in run.stdout + run.stderr
    for path, content in texts_of(tmp_path):
        assert KEY.encode() not in content, path


def test_all_failed_leaves_no_answers(asked_of: Any, server: Server, tmp_path: Path) -> None:
    server.fault = lambda prompt, n: "401"
    done = asked_of()
    assert done.returncode == 2
    assert "status 401 (is lm.key_from set, and the key right?)" in done.stderr
    assert KEY not in done.stderr + done.stdout
    assert not list(tmp_path.glob("data/cache/read/*/predictions.jsonl"))
    for path, content in texts_of(tmp_path):
        assert KEY.encode() not in content, path


def test_a_failure_is_logged_without_the_key(
    server: Server, model: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("THE_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    server.fault = lambda prompt, n: "422" if prompt == "bad" else None
    replies = model(key_from="THE_KEY").generate(["good", "bad"], QUIET)
    assert replies[1].error == "status 422: no: Bearer …"
    assert KEY not in caplog.text


def test_passages_beside_words_are_refused_before_the_model_is_asked(
    cli: Any, server: Server, tmp_path: Path
) -> None:
    done = cli(
        "search", *SAMPLE_NQ, "dataset.limit=2", "retriever=bm25", "expander=hyde",
        f"expander.lm.url={server.url}", "expander.lm.model=m", "expander.lm.timeout_s=1",
    )  # fmt: skip
    assert error_line(done) == (
        "this expander averages vectors: choose a bi-encoder, such as retriever=minilm"
    )
    assert server.bodies == []
    assert stage_folders(tmp_path, "chunk") == []
