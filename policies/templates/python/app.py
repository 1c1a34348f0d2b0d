"""The policy max-age: deletes what ended, and stops what runs, once it is older than allowed."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports.types import (
    ConfigError, Context, Costly, Description, Failure, FailureKind, Force, Interest, Judging, Param,
    ParamType, Resource, RetryAction, RetryAction_After, RetryAction_GiveUp, RetryAction_NoOpinion,
    Selection_Everything, State, Wait,
)
from wit_world.imports.verdicts import (
    Action_Delete, Action_Keep, Action_Stop, DeleteOptions, StopOptions, Verdict,
)

HOUR = 3_600_000
ENDED = {State.CREATED, State.EXITED, State.STOPPED, State.FAILED, State.DEAD}
RUNNING = {State.RUNNING, State.PAUSED}


# The parameters. A call of the engine gets an instance of its own, which is configured first; the objects below are made anew
# for each function.
older_than = 0
keep_label = ""


class Setup(exports.Setup):
    """What the engine calls first."""

    def describe(self) -> Description:
        return Description(
            name="max-age",
            version="1.0.0",
            summary="Deletes what ended, and stops what runs, once it is older than allowed.",
            params=[
                Param("older-than", ParamType.DURATION, "How old is too old.", "24h", False),
                Param("keep-label", ParamType.TEXT, "What carries this label is kept, whatever its value.", "keep", False),
            ],
            judging=Judging.EACH,
        )

    def configure(self, config: list[tuple[str, str]]) -> Interest:
        global older_than, keep_label
        params = dict(config)
        older_than = int(params["older-than"])
        keep_label = params["keep-label"]
        if older_than == 0:
            raise Err([ConfigError("older-than", "must be more than nothing")])
        return Interest(labels=Selection_Everything(), attrs=Selection_Everything(), wants=Costly(0))


class Hooks(exports.Hooks):
    """The functions that the engine calls."""

    def decide(self, context: Context, resources: list[Resource]) -> list[Verdict]:
        verdicts = [judge(context.now, one) for one in resources]
        return [verdict for verdict in verdicts if verdict is not None]

    def retry(self, context: Context, failure: Failure) -> RetryAction:
        if failure.failure != FailureKind.TRANSIENT:
            return RetryAction_NoOpinion()
        if failure.attempt >= 4:
            return RetryAction_GiveUp("tried often enough")
        return RetryAction_After(Wait(failure.attempt * 1_000, False))


def judge(now: int, one: Resource) -> Verdict | None:
    if any(key == keep_label for key, _ in one.labels):
        return Verdict(one.id, Action_Keep("labelled to be kept"))
    if one.created is None and one.arrived is None:
        return None
    age = now - max(one.created or 0, one.arrived or 0)
    if age <= older_than:
        return None
    oldest_first = min(age // HOUR, 2**31 - 1)
    if one.state in ENDED:
        return Verdict(one.id, Action_Delete(DeleteOptions("older than allowed", Force.NEVER, None, oldest_first, False)))
    if one.state in RUNNING:
        return Verdict(one.id, Action_Stop(StopOptions("older than allowed", 5_000, oldest_first)))
    return None
