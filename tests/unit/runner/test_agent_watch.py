"""When an agent is ended for what it does not do, and when it is left alone."""

from __future__ import annotations

import pytest

from ptb_lite.events import AgentEvent, AgentEventKind
from ptb_lite.runner.agent.watch import AgentWatch, Silence, startup_limit

Kind = AgentEventKind
REFUSED = "unexpected status 401 Unauthorized: Incorrect API key provided"


def heard(*events: tuple[AgentEventKind, str], limit: float | None = 60.0) -> AgentWatch:
    watch = AgentWatch(limit)
    watch.begin_turn()
    for kind, text in events:
        watch.hear(AgentEvent(kind=kind, text=text))
    return watch


@pytest.mark.parametrize(
    ("budget_minutes", "chosen", "seconds"),
    [(600, None, 300), (10, None, 120), (10, 0.5, 30), (2, None, 60)],
)
def test_the_limit_is_short_beside_the_budget(
    budget_minutes: float, chosen: float | None, seconds: float
) -> None:
    assert startup_limit(budget_minutes * 60, chosen) == pytest.approx(seconds)


def test_silence_at_the_start_is_a_problem_once_the_limit_is_over() -> None:
    assert heard().problem(59.0) is None
    assert heard().problem(61.0) == "silent for the first 60 seconds"
    assert heard(limit=None).problem(10_000.0) is None


@pytest.mark.parametrize("kind", [Kind.SESSION, Kind.MESSAGE, Kind.TOOL_CALL, Kind.USAGE])
def test_any_event_is_a_sign_of_life(kind: AgentEventKind) -> None:
    assert heard((kind, "x")).problem(10_000.0) is None


@pytest.mark.parametrize("kind", [Kind.ERROR, Kind.UNKNOWN])
def test_errors_and_noise_are_none(kind: AgentEventKind) -> None:
    assert heard((kind, "stream disconnected, retrying")).problem(61.0) is not None


def test_a_new_turn_must_give_its_own_sign() -> None:
    watch = heard((Kind.MESSAGE, "hello"))
    watch.begin_turn()
    assert watch.problem(61.0) is not None


@pytest.mark.parametrize(
    "text",
    [
        REFUSED,
        "HTTP 403: forbidden",
        "invalid x-api-key",
        "authentication_error",
        "No API key found",
        "UNAUTHENTICATED: request had invalid credentials",
        "You are not logged in",
    ],
)
def test_refused_log_ins_in_a_row_end_it(text: str) -> None:
    assert heard(*[(Kind.ERROR, text)] * 2).problem(1.0) is None
    problem = heard((Kind.SESSION, ""), *[(Kind.ERROR, text)] * 3).problem(1.0)
    assert problem is not None
    assert text in problem


@pytest.mark.parametrize("text", ["HTTP 429: slow down", "no space left", "4010 tokens", "tool 40"])
def test_other_errors_do_not(text: str) -> None:
    assert heard((Kind.SESSION, ""), *[(Kind.ERROR, text)] * 9).problem(1.0) is None


def test_work_between_them_shows_that_the_key_is_good() -> None:
    work = [(Kind.ERROR, REFUSED), (Kind.ERROR, REFUSED), (Kind.TOOL_CALL, "curl")] * 5
    assert heard(*work).problem(1.0) is None


def test_the_session_and_the_tool_calls_of_the_turn_are_known() -> None:
    watch = heard((Kind.TOOL_CALL, "a"), (Kind.TOOL_CALL, "b"))
    watch.hear(AgentEvent(kind=Kind.SESSION, session_id="s1"))
    watch.hear(AgentEvent(kind=Kind.MESSAGE))
    assert (watch.session_id, watch.tool_calls) == ("s1", 2)
    watch.begin_turn()
    assert (watch.session_id, watch.tool_calls) == ("s1", 0)


def test_the_longest_silence_counts_also_while_it_lasts() -> None:
    silence = Silence(100.0)
    silence.note(103.0, active=True)
    silence.note(104.0, active=False)
    assert silence.longest == 3.0
    silence.note(111.0, active=False)
    assert silence.longest == 8.0
