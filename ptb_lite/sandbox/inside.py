"""The first program inside a sandbox: limits, the way to the relay, then the agent's command.

Run as `python -I -S inside.py SETTING... -- COMMAND...` (see `Settings`) with few modules of the
standard library, since every start of an agent waits for it. Ports of the sandbox's loopback are
passed on to the relay's unix socket by a process of its own; what may pass, the relay on the host
alone decides. The agent could end that process, and would merely lose its network.
"""

from __future__ import annotations

import os
import resource
import selectors
import signal
import socket
import sys

# ruff: noqa: SIM105  (contextlib would take longer to import than all the rest to run)

MAX_CONNECTIONS = 256
_BUFFER = 1 << 16
_BACKLOG = 64
_LOOPBACK = ("127.0.0.1", "::1")
PACKED = "PTB_LITE_ENVIRONMENT"
LEFT = "ptb-lite, left running: "
"""How a line on stderr begins that tells of processes left behind: JSON follows."""
MAX_NAME = 300
_PR_SET_CHILD_SUBREAPER = 36


class Settings:
    """What the words before `--` say.

    `relay=FOLDER`: the folder with the relay's socket; none: no network of any kind.
    `forward=PORT=HOST=PORT`: port here, host and port there. `limit=NAME=VALUE`: a limit of
    `resource`. `stay`: remain as the first process, since in a container nobody else would collect
    the dead. `wait`: when the command has ended, wait for what it has left running.
    """

    def __init__(self, words: list[str]) -> None:
        self.relay = ""
        self.forwards: list[tuple[int, str, int]] = []
        self.limits: dict[str, int] = {}
        self.stay = False
        self.wait = False
        for word in words:
            name, _, value = word.partition("=")
            if name == "relay":
                self.relay = value
            elif name == "forward":
                here, host, there = value.split("=")
                self.forwards.append((int(here), host, int(there)))
            elif name == "limit":
                limit, _, number = value.partition("=")
                self.limits[limit] = int(number)
            elif name == "stay":
                self.stay = True
            elif name == "wait":
                self.wait = True


class Flow:
    """One direction of a connection, with what was read and is not yet written."""

    def __init__(self, source: socket.socket, sink: socket.socket, first: bytes = b"") -> None:
        self.source = source
        self.sink = sink
        self.waiting = first
        self.ended = False
        self.closed = False

    def wants_reading(self) -> bool:
        return not self.ended and len(self.waiting) < _BUFFER

    def read(self) -> None:
        """Raises OSError when the connection is broken."""
        try:
            data = self.source.recv(_BUFFER)
        except BlockingIOError:
            return
        self.ended = not data
        self.waiting += data

    def write(self) -> None:
        """Raises OSError when the connection is broken."""
        if self.waiting:
            try:
                self.waiting = self.waiting[self.sink.send(self.waiting) :]
            except BlockingIOError:
                pass
        if self.ended and not self.waiting and not self.closed:
            self.closed = True
            try:
                self.sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass


class Forwarder:
    """Passes connections of the given ports on to the relay; ends with the sandbox."""

    def __init__(self, relay: str, listening: list[tuple[socket.socket, bytes]]) -> None:
        # Through the folder's descriptor, since a path to a socket may have 107 bytes at most.
        self.folder = os.open(relay, os.O_RDONLY | os.O_DIRECTORY)
        self.selector = selectors.DefaultSelector()
        self.flows: dict[socket.socket, tuple[Flow, Flow]] = {}
        for listener, greeting in listening:
            listener.setblocking(False)
            self.selector.register(listener, selectors.EVENT_READ, greeting)

    def run(self) -> None:
        while True:
            for key, _ in self.selector.select():
                end = key.fileobj
                assert isinstance(end, socket.socket)
                if isinstance(key.data, bytes):
                    self.accept(end, key.data)
                elif end in self.flows:
                    self.move(end)

    def accept(self, listener: socket.socket, greeting: bytes) -> None:
        try:
            near, _ = listener.accept()
        except OSError:
            return
        far = socket.socket(socket.AF_UNIX)
        try:
            if len(self.flows) >= 2 * MAX_CONNECTIONS:
                raise OSError("too many connections")
            far.connect(f"/proc/self/fd/{self.folder}/relay.sock")
        except OSError:
            near.close()
            far.close()
            return
        out, back = Flow(near, far, greeting), Flow(far, near)
        self.flows[near], self.flows[far] = (out, back), (back, out)
        for end in (near, far):
            end.setblocking(False)
            self.selector.register(end, selectors.EVENT_READ, None)
        self.move(near)

    def move(self, end: socket.socket) -> None:
        """Whatever can go on at one end: reading from it and writing to it."""
        away, towards = self.flows[end]
        other = away.sink
        try:
            if away.wants_reading():
                away.read()
            for flow in (away, towards):
                flow.write()
        except OSError:
            self.close(end, other)
            return
        if away.closed and towards.closed:
            self.close(end, other)
            return
        for each in (end, other):
            self.attend(each)

    def attend(self, end: socket.socket) -> None:
        away, towards = self.flows[end]
        events = selectors.EVENT_READ if away.wants_reading() else 0
        events |= selectors.EVENT_WRITE if towards.waiting else 0
        known = self.selector.get_map().get(end)
        if known is None and events:
            self.selector.register(end, events, None)
        elif known is not None and not events:
            self.selector.unregister(end)
        elif known is not None and known.events != events:
            self.selector.modify(end, events, None)

    def close(self, *ends: socket.socket) -> None:
        for end in ends:
            self.flows.pop(end, None)
            try:
                self.selector.unregister(end)
            except (KeyError, ValueError):
                pass
            end.close()


def listen(host: str, port: int) -> socket.socket | None:
    """A listening port of loopback; None where it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        made = socket.socket(family)
    except OSError:
        return None
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(_BACKLOG)
    except (OSError, OverflowError):
        made.close()
        return None
    return made


def open_ports(settings: Settings) -> tuple[list[tuple[socket.socket, bytes]], int]:
    """The listening ports, each with how a connection to the relay begins; the proxy's port."""
    proxy = listen(_LOOPBACK[0], 0)
    if proxy is None:
        raise OSError("loopback cannot be listened on")
    found = [(proxy, b"")]
    for port, host, there in settings.forwards:
        greeting = f"TUNNEL {host}:{there} HTTP/1.1\r\n\r\n".encode()
        made = [each for each in (listen(name, port) for name in _LOOPBACK) if each is not None]
        if not made:
            print(f"port {port} of loopback cannot be listened on", file=sys.stderr)
        found += [(each, greeting) for each in made]
    return found, proxy.getsockname()[1]


def connect(settings: Settings) -> None:
    """Start the forwarding process, and name it to programs as their proxy."""
    listening, port = open_ports(settings)
    # Twice, so that it is no child of the agent's command, which might wait for all of its own.
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            Forwarder(settings.relay, listening).run()
        os._exit(0)
    os.waitpid(child, 0)
    for listener, _ in listening:
        listener.close()
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        os.environ[name] = f"http://127.0.0.1:{port}"
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = "localhost,127.0.0.1,::1"
    # The fetch that is built into Node heeds the variables only when told so.
    os.environ["NODE_USE_ENV_PROXY"] = "1"


def set_limits(limits: dict[str, int]) -> None:
    for name, value in limits.items():
        number = getattr(resource, name)
        _, hard = resource.getrlimit(number)
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(number, (least, least))
        except (OSError, ValueError):
            pass


def stay(command: list[str], *, wait: bool) -> int:
    """Run the command as a child and collect all that die; its exit code.

    With `wait`, processes that it leaves behind become this one's children, and are waited for;
    which they are and how each ended is told on stderr (`LEFT`).
    """
    if wait:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before = children()
    child = os.fork()
    if child == 0:
        execute(command)
    code: int | None = None
    left: dict[int, str] = {}
    while True:
        pid, status = os.wait()
        ended = os.waitstatus_to_exitcode(status)
        if pid == child:
            code = ended if ended >= 0 else 128 - ended
            if not wait:
                return code
            left = {each: name for each, name in children().items() if each not in before}
            if left:
                tell(left=list(left.values()))
        elif code is not None and pid in left:
            tell(ended=left[pid], code=ended)
        if code is not None and children().keys() <= before.keys():
            return code


def children() -> dict[int, str]:
    """The command lines of this process's children, the dead that are not collected included."""
    found = {}
    own = os.getpid()
    for name in os.listdir("/proc"):  # noqa: PTH208 (no pathlib: start-up)
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                # The name of the program, in brackets, may hold anything.
                parent = int(file.read().rpartition(b")")[2].split()[1])
            if parent != own:
                continue
            with open(f"/proc/{name}/cmdline", "rb") as file:  # noqa: PTH123
                words = file.read(MAX_NAME).split(b"\0")
        except (OSError, ValueError, IndexError):
            continue
        found[int(name)] = b" ".join(words).decode("utf-8", "replace").strip()
    return found


def tell(**fields: object) -> None:
    import json

    print(LEFT + json.dumps(fields), file=sys.stderr, flush=True)


def execute(command: list[str]) -> None:
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(127)


def main() -> int:
    end = sys.argv.index("--")
    settings, command = Settings(sys.argv[1:end]), sys.argv[end + 1 :]
    if (packed := os.environ.pop(PACKED, None)) is not None:
        import json

        os.environ.clear()
        os.environ.update(json.loads(packed))
    if settings.relay:
        connect(settings)
    set_limits(settings.limits)
    if settings.stay or settings.wait:
        return stay(command, wait=settings.wait)
    execute(command)
    return 0


if __name__ == "__main__":
    sys.exit(main())
