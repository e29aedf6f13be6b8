"""From the traces of a session to its result: all checks are asked, the answers ordered, the exit code follows."""

from trainloud.checks.catalogue import ask, catalogue, explained
from trainloud.core.experiment import Ran
from trainloud.core.finding import SEVERITIES, Finding
from trainloud.core.trace import Trace
from trainloud.experiments.conduct import Conducted
from trainloud.report.result import Result, order
from trainloud.settings import Settings, ignored_in_code
from trainloud.stage.launch import Ending

COULD_NOT_JUDGE = 3
UNREACHED = "loss-not-differentiable"  # asked also where no backward went through a network: that may be the fault


def judge(
    command: tuple[str, ...], conducted: Conducted | None, ending: Ending, chosen: Settings, trouble: str = ""
) -> Result:
    """Ask every check of the catalogue and put the answers in order."""
    trace = conducted.runs.watched if conducted is not None else None
    answers: list[Finding] = []
    if conducted is not None and trace is not None:
        runs, entries = conducted.runs, {n: e for n, e in catalogue().items() if trace.networks or n == UNREACHED}
        answers = [ask(e, runs) for name, e in entries.items() if not chosen.select or name in chosen.select]
    fired = [a for a in answers if a.outcome == "fired"]
    dropped = {f.fault: reason for f in fired if (reason := _dropped(f, chosen)) is not None}
    kept = [f for f in fired if f.fault not in dropped]
    findings = order(kept, explained())
    code, reason = _exit(trace, ending, kept, answers, chosen)
    if code == COULD_NOT_JUDGE and trouble:
        reason = f"nothing was judged: {trouble}"
    suppressed = tuple((f, dropped[f.fault]) for f in fired if f.fault in dropped)
    return Result(command, findings, tuple(answers), code, reason, trace, suppressed, *_ran(conducted))


def _dropped(finding: Finding, chosen: Settings) -> str | None:
    return chosen.ignore.get(finding.fault) or ignored_in_code(finding)


def _exit(
    trace: Trace | None, ending: Ending, fired: list[Finding], answers: list[Finding], chosen: Settings
) -> tuple[int, str]:
    if ending.code:
        how = f"was ended by signal {ending.signal}" if ending.signal else f"exited with code {ending.code}"
        return ending.code, f"the script {how}"
    if trace is None:
        return COULD_NOT_JUDGE, "nothing was judged: the script never trained a PyTorch network that could be watched"
    serious = any(f.severity != "note" for f in fired)
    if not trace.steps and not serious:
        return COULD_NOT_JUDGE, "nothing was judged: no optimiser step was seen"
    if not trace.networks and not fired:
        return COULD_NOT_JUDGE, f"nothing was judged: no network was seen behind {len(trace.steps)} optimiser steps"
    if all(a.outcome == "unknown" for a in answers):
        return COULD_NOT_JUDGE, "nothing was judged: no check could give an answer"
    if chosen.fail_on != "never":
        bar = SEVERITIES.index(chosen.fail_on)  # type: ignore[arg-type]
        over = [f for f in fired if f.severity is not None and SEVERITIES.index(f.severity) <= bar]
        if over:
            return 1, f"{len(over)} finding{'s' if len(over) > 1 else ''} at or above {chosen.fail_on}"
    return 0, f"nothing at or above {chosen.fail_on}" if chosen.fail_on != "never" else "watched"


def _ran(conducted: Conducted | None) -> tuple[tuple[Ran, ...], str]:
    return (conducted.ran, conducted.declined) if conducted is not None else ((), "")
