"""The `ptb-lite` command: argument parsing only, every command is one call into the rooms below.

Without arguments it opens the app on a terminal, and prints its help elsewhere.

Exit codes: 0 done, 1 run failed, 2 bad usage or spec, 3 flagged, 4 inconclusive.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ptb_lite.cli.common.defaults import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code.

    An error that a person can put right is one line `error: …` on standard error; `--debug`,
    anywhere on the line, shows the traceback as well.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    sys.exit(_run([argument for argument in given if argument != "--debug"], debug))


def _run(arguments: list[str], debug: bool) -> int:
    from ptb_lite.cli.common.terminal import is_terminal, show_app

    if not arguments and is_terminal():
        return show_app()
    from typer import Abort
    from typer.exceptions import TyperException

    from ptb_lite.cli.app import app
    from ptb_lite.cli.common.output import say_error
    from ptb_lite.errors import PtbLiteError

    try:
        code = app(arguments or ["--help"], prog_name="ptb-lite", standalone_mode=False)
        sys.stdout.flush()
    except TyperException as error:
        message = _plain(error.format_message())
        say_error(f"error: {' '.join((message, *_usage_hint(error)))}")
        return EXIT_USAGE
    except PtbLiteError as error:
        if debug:
            raise
        for each in error.each():
            say_error(f"error: {each}")
        return EXIT_USAGE
    except (Abort, KeyboardInterrupt):
        say_error("interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader went away (`ptb-lite ls | head`): nothing is left to say to it.
        sys.stderr.close()
        return 0
    except Exception as error:
        if debug:
            raise
        say_error(f"error: {type(error).__name__}: {error}. This is a bug; --debug shows where")
        return EXIT_FAILED
    return code if isinstance(code, int) else 0


def _usage_hint(error: Exception) -> tuple[str, ...]:
    """Where what the command takes is said, if it is known which one was meant."""
    path = getattr(getattr(error, "ctx", None), "command_path", "")
    return (f"`{path} --help` says what it takes",) if path else ()


def _plain(message: str) -> str:
    """A usage error as one sentence or a question, without the validator's own words."""
    text = " ".join(message.replace("Value error, ", "").split()).rstrip(".")
    text = text.replace("Input should be", "it should be").partition(", unable to parse")[0]
    return text if text.endswith("?") else f"{text}."
