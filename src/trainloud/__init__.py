"""trainloud: make silent faults in PyTorch training loud.

The command line is the product's face (`trainloud watch`, `trainloud check`,
`trainloud explain`); see the README. Rooms, from the top down:
cli, report, checks, stage, core. Imports point down only.
"""

__version__ = "0.1.0"
