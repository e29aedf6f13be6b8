"""What a run leaves behind: one frozen dataclass a kind of observation, one JSON line each in a trace.

Conventions: `step` is the index of the optimiser step that the observation precedes (from 0, over all
optimisers of the run); `phase` is "train" where gradients were on and "eval" where they were off;
`network` numbers the trained networks in the order of their first forward, a network being a module
called from outside any other module; tensors are described, never stored whole.
"""

from trainloud.core.records.charts import Copying, Foresight, Independence, Linearity, Stochastic
from trainloud.core.records.evaluation import Checkpoint, Pass
from trainloud.core.records.examples import Batch, Door, Frames, Iteration
from trainloud.core.records.losses import LossCall, LossSample, Meeting
from trainloud.core.records.networks import (
    Activation,
    Cut,
    Foreign,
    GradientSample,
    Module,
    Network,
    NormInput,
    Parameter,
    ParameterSample,
    Prediction,
)
from trainloud.core.records.run import End, Start, Unseen
from trainloud.core.records.steps import IdleOptimizer, Optimizer, Retained, Scheduler, Step
from trainloud.core.records.tensors import Origin, Tensor

__all__ = [
    "Activation",
    "Batch",
    "Checkpoint",
    "Copying",
    "Cut",
    "Door",
    "End",
    "Foreign",
    "Foresight",
    "Frames",
    "GradientSample",
    "IdleOptimizer",
    "Independence",
    "Iteration",
    "Linearity",
    "LossCall",
    "LossSample",
    "Meeting",
    "Module",
    "Network",
    "NormInput",
    "Optimizer",
    "Origin",
    "Parameter",
    "ParameterSample",
    "Pass",
    "Prediction",
    "Retained",
    "Scheduler",
    "Start",
    "Step",
    "Stochastic",
    "Tensor",
    "Unseen",
]
