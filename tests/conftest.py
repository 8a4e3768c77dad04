"""Settings of all tests: two CPU devices; warnings are errors (pyproject.toml)."""

import jax

jax.config.update("jax_num_cpu_devices", 2)
