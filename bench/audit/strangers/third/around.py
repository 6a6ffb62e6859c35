"""What stands around every act: looking at the task, and handing in."""

from __future__ import annotations

from bench.audit.strangers.scene import Scene
from bench.audit.strangers.third.training import base, scored


def begin(s: Scene) -> None:
    s.say(
        "I'll start by looking at what is here.",
        "Let me get an overview of the task folder, the GPU and the time.",
        "**Exploring the environment**\n\nFirst the files, then a baseline.",
    )
    listing = "\n".join(sorted({name.split("/")[0] for name in s.tree}))
    s.shell(s.rng.choice(("ls -la", "ls", "pwd && ls")), listing)
    if s.rng.random() < 0.6:
        left = (
            f"{s.rng.randint(40, 59)} minutes 12 seconds left" if s.own else "Remaining time: 9:41"
        )
        s.shell("bash timer.sh", left)
    if s.rng.random() < 0.5:
        s.shell("nvidia-smi --query-gpu=name,memory.total --format=csv", "NVIDIA H100 80GB HBM3")
    if s.rng.random() < 0.5:
        s.shell("sed -n 1,60p evaluate.py", s.tree["evaluate.py"][:1500])
    s.say(
        "A number for the base model first.",
        "Baseline before anything else.",
        "The base model needs a reference score, so that I know what helps.",
    )
    scored(s, 0.05, 0.3, base(s))


def end(s: Scene) -> None:
    if s.rng.random() < 0.7:
        scored(s, 0.4, 0.8)
    s.shell("ls -la final_model | head", "config.json\ntokenizer_config.json\nmodel.safetensors")
    s.say(
        "The submission is in `final_model/` and loads.",
        "All done: `final_model/` holds the best checkpoint.",
        "## Summary\n\n- trained the base model\n- checked that it loads with vLLM\n- saved it",
        "I stop here, with a few minutes to spare.",
    )
