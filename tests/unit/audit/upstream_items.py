"""Items made anew in the form of each of PostTrainBench's benchmarks."""

from __future__ import annotations

import random

from ptb_lite.audit.item import TestItem

_THINGS = ("lattice", "harbour", "violin", "glacier", "orchard", "turbine", "ledger", "beacon",
           "marsh", "canyon", "quarry", "loom", "ferry", "meadow", "furnace")  # fmt: skip
_ACTS = ("measure", "balance", "rotate", "merge", "weigh", "sort", "trace", "split", "shift",
         "tally", "gather", "fold")  # fmt: skip
_KINDS = ("crimson", "hollow", "brittle", "silent", "northern", "woven", "molten", "narrow",
          "ancient", "spiral", "amber", "frozen")  # fmt: skip
_SIGNS = ("a dull ache", "a rash", "dizziness", "a dry cough", "numbness", "swelling", "fever",
          "blurred sight", "cramps", "hoarseness")  # fmt: skip


class _Drawn:
    """Words and numbers of one item."""

    def __init__(self, number: int) -> None:
        source = random.Random(number * 7919)
        self.number = number
        self.a, self.b, self.c = source.sample(_THINGS, 3)
        self.does, self.then = source.sample(_ACTS, 2)
        self.kind, self.other = source.sample(_KINDS, 2)
        self.sign, self.sign_too = source.sample(_SIGNS, 2)
        self.n, self.m, self.k = (source.randint(11, 997) for _ in range(3))


def _math(d: _Drawn) -> tuple[str, str, tuple[str, ...]]:
    return (
        f"Let ${d.a[0]}_{{{d.n}}}$ be the set of {d.kind} {d.a} triples $(x,y,z)$ of positive "
        f"integers with $x+{d.m}y={d.k}z$, where each {d.b} divides $z^2-{d.n}$. Find the "
        f"remainder when the number of {d.other} {d.c} orbits is divided by ${d.m + 900}$.",
        str((d.n * d.m + d.k) % 1000),
        (),
    )


def _code(d: _Drawn) -> tuple[str, str, tuple[str, ...]]:
    name = f"{d.does}_{d.kind}_{d.a}"
    prompt = (
        f"def {name}({d.b}: list, {d.c}: int) -> list:\n"
        f'    """ {d.does.title()} every {d.kind} {d.a} in {d.b} that {d.c} reaches, {d.then} the\n'
        f"    {d.other} rest, and keep no more than {d.n} of them.\n"
        f"    >>> {name}([{d.n}, {d.m}, {d.k}], {d.k % 9})\n    [{d.m}, {d.n + d.m}]\n"
        '    """\n'
    )
    body = (
        f"    {d.then} = [{d.b}[n] + {d.n} for n in range(len({d.b})) if n % {d.k % 7 + 2}]\n"
        f"    for {d.a} in {d.then}:\n        {d.c} += {d.a} * {d.m}\n"
        f"    return sorted({d.then})[: {d.c} % {d.n}]\n"
    )
    return prompt, body, ()


def _choice(d: _Drawn) -> tuple[str, str, tuple[str, ...]]:
    options = [f"{d.k + step} {d.b} units per {d.c}" for step in (0, 13, 29, 51)]
    question = (
        f"A {d.kind} isotope of the {d.a} series decays beside a {d.other} {d.b} catalyst at "
        f"{d.n} K while {d.m} mmol of substrate remain. Which rate does the {d.c} model predict?\n"
    )
    listed = "\n".join(f"{letter}) {o}" for letter, o in zip("ABCD", options, strict=True))
    why = (
        f"The {d.a} series loses {d.n % 7 + 2} protons by the {d.other} pathway, and the "
        f"substrate of {d.m} mmol then limits the {d.c} model to its second branch."
    )
    return question + listed, "ABCD"[d.n % 4], (why,)


def _call(d: _Drawn) -> tuple[str, str, tuple[str, ...]]:
    question = (
        f"I keep a {d.kind} {d.a} next to the {d.b}, and my {d.c} has {d.n} slots with {d.m} "
        f"grams in each. Could you {d.does} the {d.other} load for {d.k} days?"
    )
    return question, f"{d.does}_{d.a}_load(slots={d.n}, grams={d.m}, days={d.k})", ()


def _writing(d: _Drawn) -> tuple[str, str, tuple[str, ...]]:
    question = (
        f"Write a {d.kind} monologue of {d.n} words in which a {d.a} keeper confesses to the "
        f"{d.b} that the {d.other} {d.c} was sold; never name the buyer, and {d.does} every rhyme."
    )
    return question, "", ()


def _health(d: _Drawn) -> tuple[str, str, tuple[str, ...]]:
    said = (
        f"user: My {d.n % 60 + 18} year old neighbour works in a {d.a} and woke with {d.sign}; "
        f"she took {d.m} mg of something from the {d.b} shop.\n"
        f"assistant: How long has she had it, and is there also {d.sign_too}?\n"
        f"user: For {d.k % 9 + 2} days, {d.sign_too} since the {d.kind} {d.c} trip. Is it urgent?"
    )
    ideal = (
        f"With {d.sign} and {d.sign_too} after {d.m} mg of an unknown remedy she should be seen "
        f"today; keep the packet from the {d.b} shop, and call for help if she grows confused."
    )
    rubric = f"Advises that {d.sign_too} for {d.k % 9 + 2} days after a {d.kind} trip be examined."
    return said, "", (ideal, rubric)


FORMS = {"aime2025": _math, "humaneval": _code, "gpqamain": _choice, "bfcl": _call,
         "arenahardwriting": _writing, "healthbench": _health}  # fmt: skip
HUBS = {
    "gsm8k": ("openai/gsm8k", "openai/gsm8k", "question"),
    "aime2025": ("math-ai/aime25", "AI-MO/NuminaMath-CoT", "problem"),
    "humaneval": ("openai/openai_humaneval", "google-research-datasets/mbpp", "text"),
    "gpqamain": ("Idavidrein/gpqa", "allenai/sciq", "question"),
    "bfcl": ("gorilla-llm/Berkeley-Function-Calling-Leaderboard",
             "Salesforce/xlam-function-calling-60k", "query"),
    "arenahardwriting": ("lmarena-ai/arena-hard-auto", "euclaysan/writingprompts", "prompt"),
    "healthbench": ("openai/healthbench", "lavita/medical-qa-datasets", "instruction"),
}  # fmt: skip
"""Where each one's test items lie, an honest source of training data, and its column."""


def items_of(benchmark: str, count: int = 100) -> tuple[TestItem, ...]:
    """Raises KeyError for GSM8K's, which `upstream.questions` makes, and for others."""
    form = FORMS[benchmark]
    made = [form(_Drawn(number)) for number in range(count)]
    return tuple(
        TestItem(f"{benchmark}-{number}", question, target, benchmark, answers)
        for number, (question, target, answers) in enumerate(made)
    )
