"""Many questions to one judge: each asked once, kept at once, and never answered by a guess."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ptb_lite.evaluation.errors import EvaluationStopped
from ptb_lite.evaluation.judge.choice import JudgeChoice
from ptb_lite.evaluation.judge.endpoint import Answer, Endpoint, EndpointError
from ptb_lite.evaluation.judge.ledger import Ledger, LimitReached, Spent, most_tokens
from ptb_lite.evaluation.judge.request import MAX_KEPT, Judgement, Request, request_key
from ptb_lite.evaluation.judge.store import JudgementStore

ANSWERS = 3
# So many requests in a row without any answer: the judge is away, and the rest need not wait.
GIVE_UP_AFTER = 5
# So many in a row whose answers hold no verdict: the rest would be paid for and get none either.
GIVE_UP_UNREAD = 20
_SHOWN_BACK = 2000
_SHOWN_END = 60
_POLL_SECONDS = 0.2

OnJudged = Callable[[int, int], None]


@dataclass
class Round:
    """What came of a set of requests, by their keys.

    `failures` are the reasons of those without a verdict, `reused` counts the verdicts that were
    in the store before.
    """

    judgements: dict[str, Judgement] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    reused: int = 0


class Judge:
    """A judge with its store and its ledger; safe to use from one thread at a time.

    `spent` counts towards the limits from the beginning. `ask` is what an endpoint does with
    messages (`Endpoint.ask`).
    """

    def __init__(
        self,
        choice: JudgeChoice,
        store: JudgementStore,
        ask: Callable[[Sequence[Mapping[str, str]]], Answer],
        *,
        spent: Spent | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.choice = choice
        self.ledger = Ledger(choice, spent or Spent())
        self._store = store
        self._ask = ask
        self._should_stop = should_stop
        self._lock = threading.Lock()
        self._given_up = ""
        self._unanswered = 0
        self._unread = 0

    def key(self, request: Request) -> str:
        return request_key(
            request,
            model=self.choice.model,
            endpoint=self.choice.endpoint,
            answer_tokens=self.choice.answer_tokens,
        )

    def judge(self, requests: Sequence[Request], on_judged: OnJudged = lambda *_: None) -> Round:
        """A verdict for each request, or the reason why it has none.

        The same request twice is asked once. `on_judged` gets how many are settled of how many.
        Raises EvaluationStopped when asked to stop, OSError when the store cannot be written;
        what was judged by then is kept.
        """
        wanted = {self.key(request): request for request in requests}
        result = Round()
        for key in list(wanted):
            known = self._store.find(key)
            if known is not None:
                result.judgements[key] = known
                del wanted[key]
        result.reused = len(result.judgements)
        total = result.reused + len(wanted)
        on_judged(result.reused, total)
        for key, outcome in self._settled(wanted):
            if isinstance(outcome, Judgement):
                result.judgements[key] = outcome
            else:
                result.failures[key] = outcome
            on_judged(len(result.judgements) + len(result.failures), total)
        return result

    def _settled(self, wanted: Mapping[str, Request]) -> Iterator[tuple[str, Judgement | str]]:
        """The outcomes as they come. Threads of their own ask: one that waits for an answer when
        the caller stops is left behind, and what it still gets is kept in the store."""
        todo: queue.SimpleQueue[str] = queue.SimpleQueue()
        ended: queue.SimpleQueue[tuple[str, Judgement | str | Exception]] = queue.SimpleQueue()
        for key in wanted:
            todo.put(key)
        over = threading.Event()

        def work() -> None:
            while not over.is_set():
                try:
                    key = todo.get_nowait()
                except queue.Empty:
                    return
                try:
                    ended.put((key, self._one(key, wanted[key])))
                except Exception as error:  # handed to the caller's thread, which raises it
                    ended.put((key, error))

        for number in range(min(self.choice.concurrency, len(wanted))):
            threading.Thread(target=work, name=f"judge-{number}", daemon=True).start()
        left = len(wanted)
        try:
            while left:
                if self._should_stop():
                    raise EvaluationStopped("judging was stopped")
                try:
                    key, outcome = ended.get(timeout=_POLL_SECONDS)
                except queue.Empty:
                    continue
                if isinstance(outcome, Exception):
                    raise outcome
                left -= 1
                yield key, outcome
        finally:
            over.set()

    def _one(self, key: str, request: Request) -> Judgement | str:
        if self._given_up:
            return self._given_up
        try:
            judgement = self._until_a_verdict(key, request)
        except LimitReached as limit:
            self._given_up = str(limit)
            return self._given_up
        except EndpointError as error:
            self._note_failure(error)
            return str(error)
        self._note_answer(judgement)
        if isinstance(judgement, str):
            return judgement
        self._store.add(judgement)
        return judgement

    def _until_a_verdict(self, key: str, request: Request) -> Judgement | str:
        """The judgement, or why there is none after so many answers."""
        lacking = ""
        messages: list[dict[str, str]] = [{"role": "user", "content": request.text}]
        used = Spent()
        for attempt in range(1, ANSWERS + 1):
            answer, cost = self._paid(messages)
            lacking = answer.lacking or f"it ends {answer.text.strip()[-_SHOWN_END:]!r}"
            used = Spent(
                used.input_tokens + cost.input_tokens, used.output_tokens + cost.output_tokens
            )
            verdict = request.read(answer.text)
            if verdict is not None:
                return Judgement(
                    key=key,
                    model=self.choice.model,
                    prompt=request.prompt,
                    verdict=verdict,
                    text=answer.text[-MAX_KEPT:],
                    attempts=attempt,
                    input_tokens=used.input_tokens,
                    output_tokens=used.output_tokens,
                    settings=dict(answer.settings),
                    time=datetime.now(UTC),
                )
            messages = [
                {"role": "user", "content": request.text},
                {"role": "assistant", "content": answer.text[-_SHOWN_BACK:] or "(nothing)"},
                {"role": "user", "content": request.reminder},
            ]
        return f"the judge gave {ANSWERS} answers without a verdict (the last: {lacking})"

    def _paid(self, messages: Sequence[Mapping[str, str]]) -> tuple[Answer, Spent]:
        """One answer, counted whether it helps or not; an endpoint that does not count is taken
        at the estimate."""
        text = "".join(message["content"] for message in messages)
        most = most_tokens(text, self.choice.answer_tokens)
        self.ledger.set_aside(most)
        used = Spent()
        try:
            answer = self._ask(messages)
            estimate = most_tokens(answer.text, 0).input_tokens
            used = Spent(
                most.input_tokens if answer.input_tokens is None else answer.input_tokens,
                estimate if answer.output_tokens is None else answer.output_tokens,
            )
            return answer, used
        finally:
            self.ledger.settle(most, used)

    def _note_answer(self, found: Judgement | str) -> None:
        with self._lock:
            self._unanswered = 0
            self._unread = self._unread + 1 if isinstance(found, str) else 0
            if isinstance(found, str) and self._unread >= GIVE_UP_UNREAD:
                self._given_up = found

    def _note_failure(self, error: EndpointError) -> None:
        with self._lock:
            self._unanswered += 1
            if error.hopeless or self._unanswered >= GIVE_UP_AFTER:
                self._given_up = str(error)


@contextmanager
def judge_at(
    choice: JudgeChoice,
    store: JudgementStore,
    *,
    key: str,
    spent: Spent | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Judge]:
    """A judge at the endpoint that was chosen; `key` is the secret, empty where none is needed."""
    with Endpoint(choice, key, should_stop=should_stop) as endpoint:
        yield Judge(choice, store, endpoint.ask, spent=spent, should_stop=should_stop)
