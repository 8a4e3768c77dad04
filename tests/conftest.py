"""Settings of all tests: strict shapes, two CPU devices, warnings as errors."""

import jax

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_num_cpu_devices", 2)
