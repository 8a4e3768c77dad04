"""Settings of all tests: two CPU devices; warnings are errors (pyproject.toml).

XLA compiles in half of the time; with `IVG_EMITTERS=users` as it does for users.
`pytest --hypothesis-profile=thorough` tries 1000 examples where a test names no number.
"""

import hypothesis
import jax
import pytest

from tests.reference.emitters import choose_older

choose_older()
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
