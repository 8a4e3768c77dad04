"""How XLA makes loops of array operations: by newer emitters, as users have them, or by
older ones, which compile in half of the time and round otherwise.
"""

import os

import jax

FLAG = "xla_cpu_use_fusion_emitters"
# XLA stops at flags that it does not know; later versions may not know this one.
_IS_KNOWN = jax.__version_info__[:2] == (0, 10)
AS_USERS = {FLAG: True} if _IS_KNOWN else {}  # `compiler_options` of `jax.jit`


def choose_older() -> None:
    """Before anything is compiled: older ones, unless `IVG_EMITTERS` is "users"."""
    if _IS_KNOWN and os.environ.get("IVG_EMITTERS") != "users":
        flags = os.environ.get("XLA_FLAGS", "")
        os.environ["XLA_FLAGS"] = f"{flags} --{FLAG}=false".strip()
