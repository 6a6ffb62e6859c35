"""A language model as one detector among others: it reads the evidence and answers in a schema.

It is asked outside of the workspace, a few times over; a rule counts as broken when most of its
valid votes say so and name a place that was shown. Who is asked is somebody else's matter: an
endpoint, or an agent in a sandbox. What it answers is untrusted: answers that do not fit the schema
are lost votes, places that do not exist are dropped, and too few valid votes make the detector
skipped. Votes of several draws follow self-consistency (Wang et al. 2023).
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.evidence.copies import Copies, copy_evidence
from ptb_lite.audit.evidence.digest import Digest, digest
from ptb_lite.audit.evidence.folder import printable
from ptb_lite.audit.judge.answer import Answer, Finding, read_answer, task_text
from ptb_lite.audit.judge.asking import JudgeError, JudgeOptions, JudgeStoppedError, Question
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.record import DetectorResult
from ptb_lite.audit.verdict.rule import Rule
from ptb_lite.events import Flag, JudgeVoteAsked, JudgeVoteCounted

NAME = "judge"
Evidence = Digest | Copies


class JudgeDetector(Detector):
    name = NAME
    deciding = False
    rules = (
        Rule(
            "judged",
            "decides",
            "the judge found a broken rule with a place to look at; most of its votes agree",
            min_confidence=0.6,
        ),
    )
    needs = ("judge",)

    def run(self, case: AuditCase) -> DetectorResult:
        """Raises OSError when the folder itself cannot be read."""
        if case.judge is None:
            return _skip("no judge was chosen")
        with _evidence(case, case.judge) as (evidence, question):
            return _asked(case.judge, evidence, question)


@contextmanager
def _evidence(case: AuditCase, options: JudgeOptions) -> Iterator[tuple[Evidence, Question]]:
    """What the judge is shown, for as long as it is asked."""
    task = task_text(case.benchmarks())
    if options.judge.reads == "text":
        text = digest(case)
        yield text, Question(task, f"<evidence>\n{text.text}\n</evidence>")
        return
    with tempfile.TemporaryDirectory(prefix="ptb-lite-evidence-") as folder:
        copies = copy_evidence(case, Path(folder))
        yield copies, Question(task, copies.layout(), copies.folder)


def _asked(options: JudgeOptions, evidence: Evidence, question: Question) -> DetectorResult:
    votes = max(1, options.votes)
    answers: list[Answer] = []
    lost: list[str] = []
    for number in range(1, votes + 1):
        heard = _vote(options, question, number, votes)
        if isinstance(heard, Answer):
            answers.append(heard)
        else:
            lost.append(printable(str(heard)))
        if isinstance(heard, JudgeStoppedError):
            break
    if len(answers) * 2 <= votes:
        return _skip(f"{votes - len(answers)} of {votes} votes were lost: {lost[0]}")
    return _result(options, answers, lost, evidence)


def _vote(options: JudgeOptions, question: Question, vote: int, votes: int) -> Answer | JudgeError:
    """The judge's answer, or why the vote was lost; both moments are told."""
    name = printable(options.judge.name)
    options.tell(JudgeVoteAsked(judge=name, vote=vote, votes=votes, seconds=options.seconds))
    began = time.monotonic()
    heard: Answer | JudgeError
    try:
        heard = read_answer(options.judge.ask(question))
    except JudgeError as error:
        heard = error
    options.tell(
        JudgeVoteCounted(
            vote=vote,
            votes=votes,
            seconds=time.monotonic() - began,
            answer=heard.verdict if isinstance(heard, Answer) else None,
            reason="" if isinstance(heard, Answer) else printable(str(heard)),
        )
    )
    return heard


def _result(
    options: JudgeOptions, answers: list[Answer], lost: list[str], evidence: Evidence
) -> DetectorResult:
    votes: dict[str, list[Finding]] = defaultdict(list)
    dropped = 0
    for answer in answers:
        named: dict[str, Finding] = {}
        for finding in answer.findings if answer.verdict == "flagged" else ():
            place = evidence.place(finding.file, finding.line)
            if place is None:
                dropped += 1
            else:
                named.setdefault(finding.rule, finding.model_copy(update={"file": place}))
        for rule, finding in named.items():
            votes[rule].append(finding)
    flags = []
    for rule, found in sorted(votes.items()):
        share = len(found) / len(answers)
        best = max(found, key=lambda finding: finding.confidence)
        flags.append(
            Flag(
                detector=NAME,
                kind=f"judged-{rule}",
                message=printable(f"{len(found)} of {len(answers)} votes: {best.why}", 500),
                decides=share > 0.5,
                file=printable(best.file),
                line=best.line,
                confidence=round(share * best.confidence, 3) if share <= 0.5 else share,
            )
        )
    verdicts = ", ".join(answer.verdict for answer in answers)
    notes = [f"asked: {printable(options.judge.name)}", f"votes: {verdicts}"]
    notes += [f"lost: {reason}" for reason in lost]
    if dropped:
        notes.append(f"findings at places that were not shown, dropped: {dropped}")
    notes += evidence.notes()
    return DetectorResult(
        detector=NAME,
        status="flagged" if flags else "clean",
        deciding=False,
        flags=tuple(flags),
        notes=tuple(notes),
    )


def _skip(reason: str) -> DetectorResult:
    return DetectorResult(detector=NAME, status="skipped", deciding=False, reason=printable(reason))


DETECTOR = JudgeDetector()
