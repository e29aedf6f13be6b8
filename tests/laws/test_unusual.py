"""Law 1, in corners: what scripts do with torch and Python that a watch could trip over."""

import pytest

from laws.twice import Bench
from trainloud.core.records import Network, Unseen

pytestmark = pytest.mark.slow

HEAD = """
import atexit, sys
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)

def train(model, steps=6, size=8, wide=4):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(steps):
        optimizer.zero_grad()
        x = torch.randn(size, wide)
        loss = F.mse_loss(model(x), x[:, :1])
        loss.backward()
        optimizer.step()
    print(loss.item())

class Recursive(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 1)
    def forward(self, x):
        from torch.utils.checkpoint import checkpoint
        return self.b(checkpoint(self.a, x, use_reentrant=REENTRANT).relu())
"""

PROGRAMS = {
    "a-list-as-data": """
from torch.utils.data import DataLoader
model = nn.Linear(2, 1)
train(model, wide=2)
for x, y in DataLoader([(torch.ones(2), 1.0), (torch.zeros(2), 0.0)], batch_size=1):
    print(x, y)
""",
    "a-length-that-raises": """
from torch.utils.data import DataLoader, Dataset
class Data(Dataset):
    def __getitem__(self, i):
        return torch.ones(4)
    def __len__(self):
        raise RuntimeError("not known")
train(nn.Linear(4, 1))
for x in DataLoader(Data(), batch_size=2, sampler=range(4)):
    print(x.shape)
""",
    "stream-that-is-longer-than-its-length": """
from torch.utils.data import DataLoader, IterableDataset
class Data(IterableDataset):
    def __iter__(self):
        return iter(torch.ones(6, 4))
    def __len__(self):
        return 3
train(nn.Linear(4, 1))
loader = DataLoader(Data(), batch_size=1)
for epoch in range(2):
    print(len([x for x in loader]))
""",
    "print-without-a-caller": "train(nn.Linear(4, 1))\natexit.register(print, 'at the end 0.5')",
    "endless-recursion": """
train(nn.Linear(4, 1))
def f(n):
    return f(n + 1)
f(0)
""",
    "scripted-loss": """
print(torch.jit.script(nn.CrossEntropyLoss())(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long)).item())
@torch.jit.script
def distance(a, b):
    return F.mse_loss(a, b)
print(distance(torch.zeros(3), torch.ones(3)))
model = torch.jit.script(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1)))
train(model)
""",
    "scripted-and-compiled-comparisons": """
@torch.jit.script
def same(a, b):
    return torch.eq(a, b).sum() + a.eq(b).sum() + (a == b).sum()
print(same(torch.ones(3), torch.ones(3)))
def compared(a, b):
    return torch.eq(a, b).sum() + a.eq(b).sum() + (a == b).sum() + torch.multinomial(a, 1).sum() * 0
print(torch.compile(compared, backend="eager", fullgraph=True)(torch.ones(3), torch.ones(3)))
train(nn.Linear(4, 1))
""",
    "traced": """
model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
traced = torch.jit.trace(model, torch.ones(2, 4))
print(len(list(traced.graph.nodes())), traced.inlined_graph)
train(model)
""",
    "functional-transforms": """
from torch.func import functional_call, grad, vmap
model = nn.Linear(4, 1)
params = {n: p.detach() for n, p in model.named_parameters()}
def one(params, x, y):
    return F.mse_loss(functional_call(model, params, (x[None],)), y[None])
each = vmap(grad(one), in_dims=(None, 0, 0))(params, torch.randn(5, 4), torch.randn(5, 1))
print(each["weight"].norm().item())
train(model)
""",
    "on-no-device": """
with torch.device("meta"):
    model = nn.Linear(4, 1)
    print(model(torch.ones(2, 4)).shape)
train(nn.Linear(4, 1))
""",
    "own-modes": """
from torch.utils._python_dispatch import TorchDispatchMode
class Dispatch(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        print("dispatch", func)
        return func(*args, **(kwargs or {}))
model = nn.Linear(4, 1)
train(model)
with Dispatch():
    model(torch.ones(2, 4))
with torch.no_grad(), Dispatch():
    F.mse_loss(model(torch.ones(2, 4)), torch.ones(2, 1))
""",
    "lazy": """
model = nn.Sequential(nn.LazyLinear(3), nn.ReLU(), nn.LazyLinear(1))
model(torch.ones(2, 4))
train(nn.Sequential(nn.LazyLinear(3), nn.ReLU(), nn.LazyLinear(1)))
""",
    "lazy-all-along": """
model = nn.Sequential(nn.LazyLinear(3), nn.ReLU(), nn.LazyLinear(1))
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(6):
    opt.zero_grad()
    F.mse_loss(model(torch.ones(2, 4)), torch.ones(2, 1)).backward()
    opt.step()
""",
    "checkpointing-anew": "REENTRANT = True\nx = 0\nmodel = nn.Sequential(nn.Linear(4, 4), Recursive())\ntrain(model)",
    "checkpointing": "REENTRANT = False\nmodel = Recursive()\ntrain(model)",
    "a-wrong-state": """
model = nn.Linear(4, 1)
train(model)
for wrong in (3, None, [1]):
    try:
        model.load_state_dict(wrong)
    except Exception as error:
        print(type(error).__name__, error)
""",
    "own-state": """
class Net(nn.Linear):
    def state_dict(self, *args, **kwargs):
        print("state asked for")
        return super().state_dict(*args, **kwargs)
model = Net(4, 1)
train(model)
model.load_state_dict({n: t.clone() for n, t in model.state_dict().items()})
""",
    "forward-that-failed": """
model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
try:
    model(torch.ones(2, 5))
except RuntimeError:
    print("too wide")
train(model)
""",
    "rank-that-is-no-number": "import os\nos.environ['RANK'] = 'first'\ntrain(nn.Linear(4, 1))",
    "waiting-for-any-child": """
import os
train(nn.Linear(4, 1))
try:
    print(os.waitstatus_to_exitcode(os.wait()[1]))
except ChildProcessError:
    print("no child")
""",
    "stepping-inside-backward": """
model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
own = {p: torch.optim.SGD([p], lr=0.1) for p in model.parameters()}
def step(p):
    own[p].step()
    own[p].zero_grad()
for p in model.parameters():
    p.register_post_accumulate_grad_hook(step)
for i in range(4):
    x = torch.randn(8, 4)
    F.mse_loss(model(x), x[:, :1]).backward()
print(model[0].weight.sum().item())
""",
}
SEEN = {"endless-recursion": 1}


def unseen(bench: Bench) -> list[str]:
    return [u.what for t in bench.traces() for u in t.all(Unseen)]


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_a_corner_is_as_under_python_and_no_probe_fails(bench: Bench, name: str):
    bench.write("train.py", HEAD + PROGRAMS[name])
    plain = bench.same("train.py")
    assert plain.code == SEEN.get(name, 0), plain.err
    assert not [u for u in unseen(bench) if u.startswith("trainloud.")]
    main = bench.traces()[0]
    assert main.steps
    assert main.all(Network)
