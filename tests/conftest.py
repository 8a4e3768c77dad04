"""Settings of all tests: two CPU devices; warnings are errors (pyproject.toml).

XLA compiles loops by its older emitters, in half of the time, unless `XLA_FLAGS` says
`--xla_cpu_use_fusion_emitters=true`, which is what users have.
`pytest --hypothesis-profile=thorough` tries 1000 examples where a test names no number.
"""

import os

import hypothesis
import jax
import pytest

_EMITTERS = "--xla_cpu_use_fusion_emitters"
_FLAGS = os.environ.get("XLA_FLAGS", "")
# XLA stops at flags that it does not know; later versions may not know this one.
if _EMITTERS not in _FLAGS and jax.__version_info__[:2] == (0, 10):
    os.environ["XLA_FLAGS"] = f"{_FLAGS} {_EMITTERS}=false".strip()
jax.config.update("jax_num_cpu_devices", 2)
hypothesis.settings.register_profile("quick", max_examples=30, deadline=None)
hypothesis.settings.register_profile("thorough", max_examples=1000, deadline=None)
hypothesis.settings.load_profile("quick")


@pytest.fixture(scope="module")
def compile_quickly():
    """For modules whose programs run for a moment and take long to compile."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
