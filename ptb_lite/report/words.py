"""How times and untrusted text are written for people."""

from __future__ import annotations

import math

from ptb_lite.events import JudgeVoteAsked, JudgeVoteCounted


def duration(seconds: float) -> str:
    """Seconds in words: "42 s", "4 min 10 s", "2 h 05 min"."""
    if not math.isfinite(seconds):
        return "?"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def vote_words(vote: JudgeVoteAsked | JudgeVoteCounted) -> str:
    """What happened to a vote of the audit's judge; the reason in it is as the judge gave it."""
    of = f"vote {vote.vote} of {vote.votes}"
    match vote:
        case JudgeVoteAsked():
            return f"judge {vote.judge}: {of} asked, up to {duration(vote.seconds)}"
        case JudgeVoteCounted():
            heard = vote.answer or f"lost ({vote.reason})"
            return f"judge: {of}: {heard} after {duration(vote.seconds)}"


def visible(value: object) -> str:
    """Text without characters that are unseen or turn the direction of what follows."""
    kept = (c if c.isprintable() or c == "\n" else "\ufffd" for c in str(value))
    return "".join(kept)
