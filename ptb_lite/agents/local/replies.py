"""What a reply of the local agent's model asks for: commands in its text, or another question.

Models that cannot call tools write a block fenced with ```bash (as in mini-swe-agent). Thoughts are
not commands, and a reply that breaks off is not an end. Pure functions.
"""

from __future__ import annotations

import re
import textwrap

from ptb_lite.agents.local.chat import Reply

_TAG = r"(?:think|thinking|thought|thoughts|reasoning|reflection)"
_THOUGHTS = re.compile(rf"<{_TAG}\b[^>]*>.*?(?:</{_TAG}\s*>|\Z)", re.DOTALL | re.IGNORECASE)
# Templates that begin the thinking by themselves leave only its end in the reply.
_THOUGHTS_END = re.compile(rf"\A.*</{_TAG}\s*>", re.DOTALL | re.IGNORECASE)
_FENCED = re.compile(
    r"^(?P<indent>[ \t]*(?:[-*+>][ \t]+|\d+[.)][ \t]+)?)(?P<fence>`{3,}|~{3,})[ \t]*"
    r"\{?\.?(?P<label>[\w+-]*)[^\r\n]*\r?\n(?P<body>.*?)(?P=fence)",
    re.DOTALL | re.MULTILINE,
)
_SHELLS = {
    "bash", "sh", "shell", "zsh", "console", "terminal", "shellsession", "shell-session",
    "bash-session", "shellscript", "tool_code_bash", "execute-bash",
}  # fmt: skip
_PROMPT = re.compile(r"^\$ ", re.MULTILINE)
_CALL_AS_TEXT = re.compile(
    r"<\|?(tool_call|function_call|tool▁call)|<function=|\[TOOL_CALLS?\]|<invoke\b"
    r"|\"(?:name|function)\"\s*:\s*\"bash\"",
    re.IGNORECASE,
)
_INTENTION = re.compile(
    r"(?:^|[.!?]\s+|\n)\s*(?:(?:now|next|first|then|so|okay|ok|great|good)[,.]?\s+)*"
    r"(?:let me (?!know)|let's|let us|i(?:'|’)ll|i will|i(?:'|’)m going to|i am going to"
    r"|i need to|i should)[^.!?\n]*[.!?]?\s*\Z",
    re.IGNORECASE,
)
_MARKS = re.compile(r"[*_`#>]+")
_LAST_CHARACTERS = 600


def without_thoughts(text: str) -> str:
    """The reply without what the model thought aloud, whether or not it came to its end."""
    return _THOUGHTS_END.sub("", _THOUGHTS.sub("", text))


def commands_in(text: str) -> list[str]:
    """The commands of the blocks that are fenced and labelled as some shell's, in their order."""
    found = []
    for block in _FENCED.finditer(without_thoughts(text)):
        if block["label"].lower() in _SHELLS:
            body = textwrap.dedent(block["body"].replace("\r\n", "\n"))
            found.append(_PROMPT.sub("", body).rstrip().strip("\n"))
    return [command for command in found if command.strip()]


def why_not_done(reply: Reply, *, tools: bool, worked: bool) -> str:
    """What is missing in a reply without a command, to be told to the model; empty: it is an end.

    `tools`: whether the model can call any; `worked`: whether it ever ran a command.
    """
    said = without_thoughts(reply.text).strip()
    if reply.finish == "length":
        return "Your reply was too long and was cut off. Be brief: think less, one short command."
    if reply.finish in ("content_filter", "error", "malformed_function_call"):
        return f"Your reply did not come through ({reply.finish})."
    if not said:
        return "Your reply held no text and no command, only thoughts or nothing."
    if _CALL_AS_TEXT.search(said):
        return "You wrote a tool call as text, and it was not run."
    labels = [block["label"].lower() for block in _FENCED.finditer(said)]
    if any(label in _SHELLS for label in labels):
        return "The block in your reply was empty."
    if said.count("```") % 2:
        return "A block in your reply was not closed, and it was not run."
    if not tools and labels:
        return "Only a block labelled bash is run, and there was none."
    last = _MARKS.sub("", said[-_LAST_CHARACTERS:]).rstrip()
    if last.endswith((":", "…", "...")) or _INTENTION.search(last):
        return "You said what you are going to do, and nothing was done."
    if not worked:
        return "There was no command in your reply."
    return ""
