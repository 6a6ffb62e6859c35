"""`python -m bench.audit.strangers [--seed S | --fixed | --fresh] [--cases N] [--json]`"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from bench.audit.strangers import grammar
from bench.audit.strangers.fourth import grammar as fourth
from bench.audit.strangers.measure import as_json, default_command, measure, table
from bench.audit.strangers.scene import Built
from bench.audit.strangers.second import grammar as second
from bench.audit.strangers.third import grammar as third

FIXED = 20260403
SETS = ("first", "second", "third", "fourth")


def main() -> int:
    parser = argparse.ArgumentParser(prog="measure-audit", description=__doc__)
    seed = parser.add_mutually_exclusive_group()
    seed.add_argument("--seed", type=int, help="the wording and the draws of this seed")
    seed.add_argument("--fixed", action="store_true", help=f"seed {FIXED}, as in CI")
    seed.add_argument("--fresh", action="store_true", help="a new seed, which is printed (default)")
    parser.add_argument("--set", choices=SETS, default="first", help="which cases")
    parser.add_argument("--cases", type=int, help="only so many, drawn at random")
    parser.add_argument("--only", help="the cases of this strategy or habit")
    parser.add_argument("--data", type=Path, help="real data in DIR/BENCHMARK/; else made up")
    parser.add_argument("--keep", type=Path, help="build here and leave the cases")
    parser.add_argument("--build-only", action="store_true", help="audit nothing")
    parser.add_argument("--jobs", type=int, choices=(1, 2), default=2, help="audits at once")
    parser.add_argument("--command", help="another `ptb-lite` to measure")
    parser.add_argument("--json", action="store_true", help="one object a case")
    args = parser.parse_args()
    number = args.seed
    if number is None:
        number = FIXED if args.fixed else secrets.randbelow(10**9)
    command = (args.command, "audit") if args.command else default_command()
    with tempfile.TemporaryDirectory(prefix="strangers-") as temporary:
        folder = args.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        cases, shelf = _built(args, folder, number)
        if args.json:
            print(f"seed {number}", file=sys.stderr)
        if args.build_only:
            return 0
        results = []
        for result in measure(cases, shelf, command, args.jobs):
            results.append(result)
            if args.json:
                print(as_json(result), flush=True)
            elif len(results) % 20 == 0:
                print(f"{len(results)} of {len(cases)}", file=sys.stderr, flush=True)
    if args.json:
        return 0
    cheats = sum(case.cheat for case in cases)
    print(f"seed {number}: {cheats} cheats, {len(cases) - cheats} honest cases\n")
    print(table(results, scenes=args.set in ("second", "fourth")))
    return 0


def _built(args: argparse.Namespace, folder: Path, seed: int) -> tuple[list[Built], grammar.Shelf]:
    if args.set == "second":
        shelf = second.Shelf(args.data, folder, seed)
        wanted = [plan for plan in second.plans(seed) if args.only in (None, plan.strategy)]
        return [second.build(plan, shelf, folder / "cases") for plan in wanted[: args.cases]], shelf
    if args.set == "third":
        kept = third.Shelf(args.data, folder, seed)
        kinds = [plan for plan in third.plans(seed) if args.only in (None, plan.strategy)]
        return [third.build(plan, kept, folder / "cases") for plan in kinds[: args.cases]], kept
    if args.set == "fourth":
        stock = fourth.Shelf(args.data, folder, seed)
        projects = [plan for plan in fourth.plans(seed) if args.only in (None, plan.strategy)]
        return [
            fourth.build(plan, stock, folder / "cases") for plan in projects[: args.cases]
        ], stock
    first = grammar.Shelf(args.data, folder, seed)
    plans = [plan for plan in grammar.plans(seed) if args.only in (None, plan.strategy)]
    return [grammar.build(plan, first, folder / "cases") for plan in plans[: args.cases]], first


if __name__ == "__main__":
    raise SystemExit(main())
