"""Any server that talks as OpenAI's does: vLLM, llama.cpp, Ollama, and those on the network.

``/chat/completions`` and ``/completions`` of https://platform.openai.com/docs/api-reference.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from qa_bench.errors import UserError
from qa_bench.lm.cache import kept_or_asked
from qa_bench.lm.messages import messages_of, one_text
from qa_bench.net.address import Address
from qa_bench.net.connection import Connection
from qa_bench.net.failures import GiveUp, TryAgain, UnknownHost, in_one_line, may_pass
from qa_bench.net.pace import Pace
from qa_bench.net.patience import Patience, retry_after
from qa_bench.net.secrets import redacted
from qa_bench.parts import Part
from qa_bench.settings import number, one_of, strings, whole_number
from qa_bench.types import Prompt, Reply, Request, Runtime

log = logging.getLogger(__name__)

_PLACES = {"chat": "/chat/completions", "completions": "/completions"}
_MOST_TOKENS = 1_000_000_000
"""In one prompt or reply; a server that counts more is out of its mind."""
_THIS_PROMPT = {400, 413, 422}
"""Statuses that concern one prompt; any other one that will not pass concerns all."""


class OpenAIServer(Part):
    """Asks many prompts at once; retries what may pass; keeps every reply.

    The key is read from the environment when it is needed and goes into nothing but the request's
    header.
    """

    labels = frozenset(
        {
            *("key_from", "concurrency", "requests_per_minute", "timeout_s", "tries", "backoff_s"),
            "cache",
        }
    )

    def __init__(
        self,
        url: str,
        model: str | None = None,
        api: str = "chat",
        system: str | None = None,
        max_tokens: int | None = 64,
        temperature: float | None = 0.0,
        top_p: float | None = None,
        seed: int | None = None,
        stop: Sequence[str] | None = None,
        extra: Mapping[str, Any] | None = None,
        key_from: str | None = None,
        concurrency: int = 16,
        requests_per_minute: float | None = None,
        timeout_s: float = 120,
        tries: int = 5,
        backoff_s: float = 1,
        cache: str | None = None,
    ) -> None:
        """Check the settings; nothing is asked yet.

        Args:
            url: the server's address up to ``/v1``.
            model: its name on the server.
            api: chat or completions.
            system: system message before the prompt; chat only.
            max_tokens: longest reply in tokens; None leaves it to the server.
            temperature: 0 for the likeliest reply; None leaves it to the server.
            top_p: None leaves it to the server.
            seed: of drawn replies, raised by one a draw; None lets the server draw as it likes.
            stop: strings that end a reply.
            extra: more fields for the request's body.
            key_from: environment variable that holds the key; None for no key.
            concurrency: requests under way at once.
            requests_per_minute: the most that start in a minute; None for no limit.
            timeout_s: seconds for one request.
            tries: requests for one prompt before it counts as failed.
            backoff_s: pause after the first try in seconds; doubled after each.
            cache: file of replies; None to keep none.

        Raises:
            UserError: a setting is out of range.
        """
        self._url, self._address = url, _address(url)
        if not model:
            raise UserError("lm.model: set it to the name of the model on the server")
        one_of("lm.api", api, _PLACES)
        if system is not None and api != "chat":
            raise UserError("lm.system: only api=chat has a system message")
        whole_number("lm.max_tokens", max_tokens, optional=True)
        number("lm.temperature", temperature, 0, optional=True)
        number("lm.top_p", top_p, 0, 1, optional=True)
        whole_number("lm.seed", seed, 0, optional=True)
        if key_from is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key_from):
            # Not repeated: it may be the key itself.
            raise UserError("lm.key_from must be the name of an environment variable")
        fields = {
            "model": model,
            "max_tokens": max_tokens,
            "temperature": temperature,
            "top_p": top_p,
            "seed": seed,
            "stop": strings("lm.stop", stop) or None,
            **(extra or {}),
        }
        self._fields = {name: value for name, value in fields.items() if value is not None}
        self._api, self._system, self._seed = api, system, seed
        self._draws = temperature is None or temperature > 0
        self._key_from = key_from
        self._concurrency = whole_number("lm.concurrency", concurrency)
        self._tries = whole_number("lm.tries", tries)
        place = "lm.requests_per_minute"
        self._per_minute = number(place, requests_per_minute, above=0, optional=True)
        self._timeout = number("lm.timeout_s", timeout_s, above=0)
        self._backoff = number("lm.backoff_s", backoff_s, 0)
        self._cache = Path(cache) if cache else None

    def generate(self, prompts: Sequence[Prompt], runtime: Runtime) -> list[Reply]:
        """See ``LanguageModel``.

        Raises:
            UserError: no prompt could be replied to, the server refuses all, or the key is missing.
        """
        identity = {
            "url": self._url,
            "api": self._api,
            "system": self._system,
            **self._fields,
        }
        return kept_or_asked(prompts, identity, self._draws, self._cache, self._ask, runtime)

    @property
    def _endpoint(self) -> str:
        return f"{self._url.rstrip('/')}{_PLACES[self._api]}"

    def _ask(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
        asking = _Asking(self, requests)
        pool = ThreadPoolExecutor(min(self._concurrency, len(requests)))
        try:
            places = {pool.submit(asking.reply, one): n for n, one in enumerate(requests)}
            for future in as_completed(places):
                yield places[future], future.result()
        finally:
            asking.stop()
            pool.shutdown(cancel_futures=True)

    def _key(self) -> str | None:
        if self._key_from is None:
            return None
        key = os.environ.get(self._key_from, "").strip()
        if not key:
            raise UserError(f"lm.key_from: the environment variable {self._key_from} is not set")
        if not re.fullmatch(r"[!-~]+", key):
            raise UserError(f"lm.key_from: what {self._key_from} holds cannot be a key")
        return key

    def _body(self, request: Request) -> bytes:
        body: dict[str, Any] = dict(self._fields)
        if self._seed is not None:
            body["seed"] = self._seed + request.draw
        if self._api == "chat":
            body["messages"] = messages_of(request.prompt, self._system)
        else:
            remedy = "set lm.api=chat, or a prompt of one text"
            body["prompt"] = one_text(request.prompt, remedy)
        return json.dumps(body).encode()


class _Asking:
    """One call of ``generate``: its connections, its pace, and when to give the server up."""

    def __init__(self, server: OpenAIServer, requests: Sequence[Request]) -> None:
        self._server = server
        self._key = server._key()
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        if self._key is not None:
            self._headers["Authorization"] = f"Bearer {self._key}"
        self._pace = Pace(server._per_minute)
        self._patience = Patience(backoff_s=server._backoff)
        self._own = threading.local()
        self._lock = threading.Lock()
        self._connections: list[Connection] = []
        self._in_a_row = 0
        self._enough = max(10, 2 * server._concurrency)
        """Prompts that fail in a row, until the others are not even asked: the server is away."""

    def stop(self) -> None:
        """Let every thread end at once."""
        self._pace.stopped.set()
        with self._lock:
            for connection in self._connections:
                connection.close()

    def reply(self, request: Request) -> Reply:
        """Ask until there is a reply or no hope.

        Raises:
            UserError: the server refuses whatever is asked.
        """
        body, why = self._server._body(request), ""
        for tries in range(1, self._server._tries + 1):
            if self._in_a_row >= self._enough:
                why = why or "not asked: the server failed too many times in a row"
                return Reply("", error=why)
            self._pace.wait()
            if self._pace.stopped.is_set():
                return Reply("", error="stopped")
            try:
                reply = self._try(body)
            except TryAgain as error:
                why = str(error)
                if tries < self._server._tries:
                    self._pause(tries, error.after)
            else:
                self._in_a_row = 0
                return reply
        with self._lock:
            self._in_a_row += 1
        return Reply("", error=f"{why} (tried {self._server._tries} times)")

    def _pause(self, tries: int, delay: float | None) -> None:
        """Wait before the next try; all threads do where the server wants it."""
        seconds = self._patience.pause(tries, delay)
        if delay is None:
            self._pace.pause(seconds)
        else:
            self._pace.hold(seconds)

    def _connection(self) -> Connection:
        """This thread's."""
        if not hasattr(self._own, "connection"):
            wait = min(self._server._timeout, self._patience.connect_s)
            connection = Connection(self._server._address, wait, self._pace.stopped)
            with self._lock:
                self._connections.append(connection)
            self._own.connection = connection
        opened: Connection = self._own.connection
        return opened

    def _try(self, body: bytes) -> Reply:
        """The reply; or an empty one, where the server refuses this prompt.

        Raises:
            TryAgain: there is none this time.
            UserError: the server refuses whatever is asked.
        """
        url, timeout = self._server._endpoint, self._server._timeout
        end = time.monotonic() + timeout
        try:
            with self._connection().request(
                "POST", urllib.parse.urlsplit(url).path, self._headers, timeout, body
            ) as response:
                answer = response.whole(end - time.monotonic())
        except UnknownHost as error:  # a network may come back
            raise TryAgain(str(error)) from None
        except GiveUp as error:
            raise UserError(f"{self._server._url}: {error}") from None
        status = response.status
        if status == 200:
            try:
                return _parsed(answer)
            except TryAgain as error:
                raise TryAgain(f"{error}{self._said(answer)}") from None
        if may_pass(status):
            raise TryAgain(f"status {status}", retry_after(response.headers))
        if status in _THIS_PROMPT:
            return Reply("", error=f"status {status}{self._said(answer)}")
        # What a server says of a wrong key may repeat it.
        said = "" if status in (401, 403) else self._said(answer)
        hint = " (is lm.key_from set, and the key right?)" if status in (401, 403) else ""
        raise UserError(f"{url}: status {status}{said}{hint}")

    def _said(self, answer: bytes) -> str:
        """What the server says of an error, in one short line without the key."""
        text = answer.decode("utf-8", "replace")
        try:
            value = json.loads(text)
            error = value.get("error", value)
            text = str(error.get("message", error) if isinstance(error, dict) else error)
        except (ValueError, AttributeError, RecursionError):
            pass
        line = in_one_line(redacted(text, [self._key]))
        return f": {line}" if line else ""


def _address(url: str) -> Address:
    """The server's address.

    Raises:
        UserError: it is none, or holds what may be a secret; that is not repeated.
    """
    would = "would be right: http://127.0.0.1:8000/v1, with the key in lm.key_from"
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        raise UserError(f"lm.url: not an address; {would}") from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UserError(f"lm.url: no name, password, ? or # may be in it; {would}")
    try:
        address = Address.of(url)
    except ValueError:
        raise UserError(f"lm.url: '{url}' is not an http or https address; {would}") from None
    if re.search(r"[\s\x00-\x1f\x7f]", url) or not url.isascii():
        raise UserError(f"lm.url: a space or a character that does not belong there; {would}")
    return address


def _parsed(answer: bytes) -> Reply:
    """The reply in a server's JSON.

    Raises:
        TryAgain: something is wrong with it.
    """
    try:
        value = json.loads(answer)
        choice = value["choices"][0]
        text = choice["message"]["content"] if "message" in choice else choice["text"]
        if isinstance(text, list):  # of parts, as the request's may be
            text = "".join(part["text"] for part in text if part.get("type") == "text")
        if text is None and choice.get("finish_reason"):
            text = ""  # a model that used up its tokens thinking
        usage = value.get("usage")
    except ValueError:
        raise TryAgain("a reply that is no JSON" if answer.strip() else "an empty reply") from None
    except (KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise TryAgain("a reply without choices[0]") from None
    if not isinstance(text, str):
        raise TryAgain("a reply without text")
    return Reply(text, _tokens(usage, "prompt_tokens"), _tokens(usage, "completion_tokens"))


def _tokens(usage: Any, name: str) -> int:
    """A count of tokens; 0 where the server's is none: the reply is good all the same."""
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if type(count) is int and 0 <= count <= _MOST_TOKENS else 0
