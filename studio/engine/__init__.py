"""The only part of the studio that knows torch, diffusers, transformers and peft."""

import os

# Before torch loads OpenMP: threads that spin while they wait make a step 30 times slower on busy cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
