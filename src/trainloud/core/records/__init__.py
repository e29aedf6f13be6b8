"""What a run leaves behind: one frozen dataclass a kind of observation, one JSON line each in a trace.

Conventions: `step` is the index of the optimiser step that the observation precedes (from 0, over all
optimisers of the run); `phase` is "train" where gradients were on and "eval" where they were off;
`network` numbers the trained networks in the order of their first forward, a network being a module
called from outside any other module; tensors are described, never stored whole.
"""

from trainloud.core.records.charts import (
    Argument,
    Copying,
    Dependence,
    Direction,
    Foresight,
    Independence,
    Linearity,
    PaddedTargets,
    Padding,
    Stochastic,
)
from trainloud.core.records.evaluation import Checkpoint, Comparison, Hits, Pass, Threshold
from trainloud.core.records.examples import Answers, Batch, Door, Draws, Frames, Iteration, Table
from trainloud.core.records.gradients import Backward, Bootstrap, Clip, Divergence, Refresh
from trainloud.core.records.losses import LossCall, LossSample, Meeting, Objective, Term
from trainloud.core.records.networks import (
    Activation,
    Carried,
    Cut,
    DropoutUse,
    Foreign,
    GradientSample,
    Latent,
    Module,
    Network,
    NormEval,
    NormInput,
    Parameter,
    ParameterSample,
    Prediction,
    Recurrence,
    Twins,
)
from trainloud.core.records.run import Choices, End, Flag, Flags, Seeded, Start, Treatment, Unseen
from trainloud.core.records.steps import IdleOptimizer, Optimizer, Reading, Retained, Rounding, Scheduler, Step
from trainloud.core.records.tensors import Origin, Tensor

__all__ = [
    "Activation",
    "Answers",
    "Argument",
    "Backward",
    "Batch",
    "Bootstrap",
    "Carried",
    "Checkpoint",
    "Choices",
    "Clip",
    "Comparison",
    "Copying",
    "Cut",
    "Dependence",
    "Direction",
    "Divergence",
    "Door",
    "Draws",
    "DropoutUse",
    "End",
    "Flag",
    "Flags",
    "Foreign",
    "Foresight",
    "Frames",
    "GradientSample",
    "Hits",
    "IdleOptimizer",
    "Independence",
    "Iteration",
    "Latent",
    "Linearity",
    "LossCall",
    "LossSample",
    "Meeting",
    "Module",
    "Network",
    "NormEval",
    "NormInput",
    "Objective",
    "Optimizer",
    "Origin",
    "PaddedTargets",
    "Padding",
    "Parameter",
    "ParameterSample",
    "Pass",
    "Prediction",
    "Reading",
    "Recurrence",
    "Refresh",
    "Retained",
    "Rounding",
    "Scheduler",
    "Seeded",
    "Start",
    "Step",
    "Stochastic",
    "Table",
    "Tensor",
    "Term",
    "Threshold",
    "Treatment",
    "Twins",
    "Unseen",
]
