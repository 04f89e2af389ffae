"""Lint: mistakes in the setup of an autoscaler, before it runs and while it does. Pure.

Each rule reads a ``Setup`` and knows nothing of where its numbers come from. What is not known is
None, and a rule that needs it then finds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from portal.autoscaling.spec import FLAGS

INITIALIZATION = FLAGS.cpu_initialization_period

LONG_DELAY = 30.0
"""Seconds of a probe's ``initialDelaySeconds`` from which on it is most of a pod's start."""

MEASURED_ENOUGH = 30
"""Readings of pods, one a minute each, from which on their use says something."""

FAR_BELOW = 0.3
"""The part of a request below which its use is far from it."""

CLOSE_TO = 0.9
"""The part of a memory limit from which on its use is close to it."""

CHANGES = 3
"""Times that ready pods stopped being ready, from which on readiness is not stable."""


class Level(StrEnum):
    """The levels of findings, the worst first."""

    ERROR = "error"
    """It cannot work."""
    WARNING = "warning"
    """It works otherwise than people expect."""
    HINT = "hint"
    """It is worth a look."""


class Finding(Struct, frozen=True):
    """A mistake: the reason why it is one, and its remedy, each as sentences.

    ``fields`` are the names of the launch form's fields that mend it, the first one beside which
    it is shown.
    """

    rule: str
    level: Level
    title: str
    reason: str
    remedy: str
    fields: tuple[str, ...] = ()


class Amounts(Struct, frozen=True):
    """A pod's request and limit of one resource, in cores or bytes, and its measured use.

    ``lowest``, ``usual`` and ``peak`` are the lowest, the 90th percentile and the highest of
    ``readings`` readings.
    """

    request: float | None = None
    limit: float | None = None
    lowest: float | None = None
    usual: float | None = None
    peak: float | None = None
    readings: int = 0

    @property
    def base(self) -> float | None:
        """The base of a target in percent: the limit counts where no request is set."""
        return self.limit if self.request is None else self.request

    @property
    def measured(self) -> bool:
        """True with enough readings to say something."""
        return self.readings >= MEASURED_ENOUGH


NOTHING = Amounts()


class Room(Struct, frozen=True):
    """A bound on pods: how many there may be at most, by ``what`` ("quota small", "the nodes")."""

    what: str
    pods: int


class Setup(Struct, frozen=True):
    """An app with its autoscaler, as far as it is known.

    ``targets`` are in percent of the request, by resource ("cpu", "memory"). ``resources`` has
    those of which request and limit are known. ``others`` is True if there are metrics of other
    kinds. ``window`` is the scale-down stabilization window, and ``start_up`` the time from a pod's
    creation until it is ready, both in seconds. ``sessions``: clients have to stay on their pod.
    ``readiness`` is False if pods have no readiness probe, and ``delay`` the longest
    ``initialDelaySeconds`` of those that delay their being ready. ``unready`` is how often pods
    stopped being ready without a rollout or an end of theirs. ``fixed`` is True if the release's
    manifest sets ``replicas`` too. ``metrics`` is False if the metrics API does not answer.
    ``scalers`` are others that scale the same pods, by kind and name, and ``changed`` the
    VerticalPodAutoscalers that change requests, by resource.
    """

    min_replicas: int
    max_replicas: int
    targets: Mapping[str, float]
    resources: Mapping[str, Amounts] = {}
    others: bool = False
    window: float = FLAGS.downscale_stabilization
    room: Sequence[Room] = ()
    start_up: float | None = None
    sessions: bool = False
    readiness: bool | None = None
    delay: float = 0.0
    unready: int = 0
    fixed: bool = False
    metrics: bool = True
    scalers: Sequence[str] = ()
    changed: Mapping[str, str] = {}

    def amounts(self, resource: str) -> Amounts:
        """Return what is known of a resource."""
        return self.resources.get(resource, NOTHING)


def lint(setup: Setup) -> tuple[Finding, ...]:
    """Return what is wrong with a setup, the worst first."""
    found = [finding for rule in _RULES for finding in rule(setup)]
    return tuple(sorted(found, key=lambda each: list(Level).index(each.level)))


_NAMES = {"cpu": "CPU", "memory": "memory"}
_EXAMPLES = {"cpu": "100m", "memory": "256Mi"}


def quantity(resource: str, amount: float) -> str:
    """Return an amount as Kubernetes writes it, rounded: "250m", "1.5", "180Mi"."""
    if resource == "cpu":
        milli = max(1, round(amount * 1000))
        return f"{milli // 1000}" if milli % 1000 == 0 else f"{milli}m"
    mebi = amount / 2**20
    if mebi >= 1024 and abs(mebi / 1024 - round(mebi / 1024)) < 0.005:
        return f"{round(mebi / 1024)}Gi"
    return f"{max(1, round(mebi))}Mi"


def _several_scalers(setup: Setup) -> Iterator[Finding]:
    if setup.scalers:
        yield Finding(
            "several-scalers",
            Level.ERROR,
            "Several scalers for one workload",
            f"Its pods are scaled by {' and '.join(setup.scalers)} already: with an autoscaler as "
            "well each overrides the other's decisions.",
            "Switch autoscaling off here, or remove the other one first.",
            ("autoscaling",),
        )


def _changed_request(setup: Setup) -> Iterator[Finding]:
    for resource in setup.targets:
        if resource in setup.changed:
            name = _NAMES[resource]
            yield Finding(
                "changed-request",
                Level.WARNING,
                f"Two autoscalers work by the {name} request",
                f"The target is a percentage of the {name} request, which the "
                f"VerticalPodAutoscaler {setup.changed[resource]} changes: each undoes what the "
                "other has done.",
                "Set its update mode to Off, or scale on something else.",
                (f"target_{resource}",),
            )


def _no_request(setup: Setup) -> Iterator[Finding]:
    for resource in setup.targets:
        if resource in setup.resources and setup.amounts(resource).base is None:
            name = _NAMES[resource]
            yield Finding(
                "no-request",
                Level.ERROR,
                f"No {name} request",
                f"A {name} target is a percentage of the {name} request, and there is none.",
                f"Set a {name} request (for example {_EXAMPLES[resource]}), or switch this target "
                "off.",
                (f"target_{resource}", f"{resource}_request"),
            )


def _out_of_reach(setup: Setup) -> Iterator[Finding]:
    for resource, target in setup.targets.items():
        amounts = setup.amounts(resource)
        base, limit, name = amounts.base, amounts.limit, _NAMES[resource]
        if base is None or limit is None or limit * 100 > base * target * (1 + 1e-9):
            continue
        yield Finding(
            "out-of-reach",
            Level.WARNING,
            f"The {name} target cannot be exceeded",
            f"A pod is held at its {name} limit ({quantity(resource, limit)}), so it never goes "
            f"above {target:g} % of its request ({quantity(resource, base)}) and the autoscaler "
            "never adds one.",
            "Lower the target or raise the limit.",
            (f"target_{resource}", f"{resource}_limit"),
        )


def _memory_alone(setup: Setup) -> Iterator[Finding]:
    if set(setup.targets) == {"memory"} and not setup.others:
        yield Finding(
            "memory-alone",
            Level.WARNING,
            "Scaled on memory alone",
            "Most programs give little memory back when load falls, so an app scaled on memory "
            "alone tends to stay at its maximum.",
            "A CPU target follows the load.",
            ("target_memory", "target_cpu"),
        )


def _memory_stays(setup: Setup) -> Iterator[Finding]:
    """Yield a finding if one pod more than the minimum is enough to be never taken away again.

    With n pods that use the part u of the target the autoscaler wants ceil(n × u): fewer than n
    only while u is at most (n − 1) / n, however idle they are.
    """
    amounts, target = setup.amounts("memory"), setup.targets.get("memory")
    base, lowest = amounts.base, amounts.lowest
    if target is None or not base or lowest is None or not amounts.measured:
        return
    used, pods = 100 * lowest / base, setup.min_replicas + 1
    if pods > setup.max_replicas or used * pods <= target * (pods - 1):
        return
    yield Finding(
        "memory-stays",
        Level.WARNING,
        "Memory keeps the pods that were added",
        f"Even at rest a pod uses {used:.0f} % of its memory request. With {pods} pods the "
        f"autoscaler takes one away only at or below {target * (pods - 1) / pods:.0f} %, so it "
        f"does not come back to {setup.min_replicas}.",
        "Raise the memory request or the memory target, or scale on CPU.",
        ("target_memory", "memory_request"),
    )


def _equal_bounds(setup: Setup) -> Iterator[Finding]:
    if setup.min_replicas == setup.max_replicas:
        yield Finding(
            "equal-bounds",
            Level.WARNING,
            "Minimum and maximum are equal",
            f"With both bounds at {setup.min_replicas} the autoscaler has nothing to decide.",
            "Raise the maximum, or set a fixed number of replicas.",
            ("bounds",),
        )


def _no_room(setup: Setup) -> Iterator[Finding]:
    tightest = min(setup.room, key=lambda each: each.pods, default=None)
    if tightest is None or tightest.pods >= setup.max_replicas:
        return
    pods = "1 pod" if tightest.pods == 1 else f"{tightest.pods} pods"
    enough = tightest.pods >= setup.min_replicas
    yield Finding(
        "no-room",
        Level.HINT if enough else Level.WARNING,
        f"There is no room for {setup.max_replicas} pods" if enough else "The minimum has no room",
        f"With these requests {tightest.what} can hold {pods} of this app; "
        f"{'more would wait' if tightest.pods else 'they would wait'} and not start.",
        "Lower the maximum or the requests, or ask an administrator for more room.",
        ("bounds", "cpu_request", "memory_request"),
    )


def _no_metrics(setup: Setup) -> Iterator[Finding]:
    if not setup.metrics and setup.targets:
        yield Finding(
            "no-metrics",
            Level.WARNING,
            "The metrics API is not available",
            "CPU and memory targets need the metrics API (metrics.k8s.io), which does not answer: "
            "the autoscaler would change nothing.",
            "Ask an administrator to install metrics-server, or to see why it does not answer.",
            ("autoscaling",),
        )


def _sessions(setup: Setup) -> Iterator[Finding]:
    if not setup.sessions or setup.min_replicas == setup.max_replicas:
        return
    yield Finding(
        "sessions-cut",
        Level.HINT,
        "Scaling down ends sessions",
        "Each client stays on one pod, and the autoscaler chooses pods without looking at their "
        "sessions: those of a pod that it takes away are lost.",
        "Keep sessions outside the pods, or make scaling down rare: a longer scale-down "
        "stabilization window, a higher minimum.",
        ("scale_down_window", "bounds"),
    )


def _short_window(setup: Setup) -> Iterator[Finding]:
    if setup.start_up is None or setup.window >= setup.start_up:
        return
    yield Finding(
        "short-window",
        Level.WARNING,
        "Pods are taken away faster than new ones start",
        f"A pod takes {setup.start_up:.0f} s until it is ready, and the scale-down stabilization "
        f"window is {setup.window:g} s: after a short dip of the load the pods are gone, and "
        "come back too late.",
        f"Set the window to {_round_up(2 * setup.start_up):g} s or more.",
        ("scale_down_window",),
    )


def _round_up(seconds: float) -> int:
    return int(-(-seconds // 30) * 30)


def _slow_start(setup: Setup) -> Iterator[Finding]:
    if setup.start_up is None or setup.start_up <= INITIALIZATION or "cpu" not in setup.targets:
        return
    yield Finding(
        "slow-start",
        Level.WARNING,
        "The CPU use of starting pods counts",
        f"A pod takes {setup.start_up:.0f} s until it is ready. After {INITIALIZATION:g} s the "
        "autoscaler counts its CPU use as load, also that of its start, and may add pods for it.",
        "Make the start shorter: load less, or later, or in the image.",
        ("start_time",),
    )


def _no_readiness(setup: Setup) -> Iterator[Finding]:
    if setup.readiness is not False or "cpu" not in setup.targets:
        return
    yield Finding(
        "no-readiness",
        Level.WARNING,
        "The CPU use of starting pods counts",
        "The pods have no readiness probe, so they count as ready as soon as they run. The "
        "autoscaler takes the work of their start for load, and may add pods up to the maximum "
        "at each rollout.",
        "Give them a readiness probe.",
        ("health_path",),
    )


def _long_delay(setup: Setup) -> Iterator[Finding]:
    if setup.delay < LONG_DELAY:
        return
    yield Finding(
        "long-delay",
        Level.HINT,
        "A probe waits before it looks",
        f"Its initial delay is {setup.delay:g} s: a new pod gets no request sooner, even if it "
        "could answer, so the app reacts to load that much later.",
        "Use a startup probe that looks every few seconds, instead of an initial delay.",
        ("health_path", "start_time"),
    )


def _unstable(setup: Setup) -> Iterator[Finding]:
    if setup.unready < CHANGES:
        return
    yield Finding(
        "unstable-readiness",
        Level.WARNING,
        "Pods stop being ready again and again",
        f"Pods that were ready stopped being so {setup.unready} times. The autoscaler counts pods "
        "that are not ready as idle, or not at all, and the others get their load: both make it "
        "swing.",
        "See in the logs why they stop answering: often the probe's time-out is too short under "
        "load, or the limits are.",
        ("health_path", "cpu_limit", "memory_limit"),
    )


def _far_from_use(setup: Setup) -> Iterator[Finding]:
    for resource, amounts in setup.resources.items():
        name, request, peak = _NAMES.get(resource, resource), amounts.request, amounts.peak
        if request is None or peak is None or not amounts.measured:
            continue
        if peak < FAR_BELOW * request:
            yield Finding(
                "unused-request",
                Level.HINT,
                f"Most of the {name} request is not used",
                f"Each pod reserves {quantity(resource, request)} of {name}, and never used more "
                f"than {quantity(resource, peak)} in the time recorded.",
                "Lower the request: what is reserved is not there for others.",
                (f"{resource}_request",),
            )
    memory = setup.amounts("memory")
    if memory.limit and memory.peak is not None and memory.peak >= CLOSE_TO * memory.limit:
        yield Finding(
            "limit-near",
            Level.WARNING,
            "Memory use is close to the limit",
            f"A pod used {quantity('memory', memory.peak)} of at most "
            f"{quantity('memory', memory.limit)}. Kubernetes kills one that needs more, whatever "
            "the autoscaler does.",
            "Raise the memory limit.",
            ("memory_limit",),
        )


def _fixed(setup: Setup) -> Iterator[Finding]:
    if setup.fixed:
        yield Finding(
            "replicas-in-chart",
            Level.HINT,
            "The chart sets the replicas, too",
            "The release's manifest has a number of replicas beside the autoscaler. The portal "
            "leaves it out when it upgrades; Helm elsewhere sets it, and pods come and go.",
            "Leave replicas out of the chart's template where it has an autoscaler.",
        )


_RULES: tuple[Callable[[Setup], Iterator[Finding]], ...] = (
    _several_scalers,
    _no_request,
    _out_of_reach,
    _memory_alone,
    _memory_stays,
    _equal_bounds,
    _no_room,
    _no_metrics,
    _sessions,
    _short_window,
    _slow_start,
    _no_readiness,
    _long_delay,
    _unstable,
    _far_from_use,
    _fixed,
    _changed_request,
)
