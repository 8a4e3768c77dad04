"""Types that every row of the library may use.

Shapes are written in docstrings: `V` vertices, `F` faces, `E` edges, `N` nodes,
`H` by `W` pixels, `K` layers, `T` steps. Library functions take one scene; batch
them with `jax.vmap`.
"""

from typing import Any

import jax
from flax import struct

Array = jax.Array
PyTree = Any


@struct.dataclass
class Bounds:
    """The box in which the float leaves of some parameters live.

    Each field has the structure of the parameters it bounds; leaves broadcast
    against theirs. Leaves that belong to integer or boolean parameters are
    ignored.

    Attributes:
      lower: least value of every leaf, finite.
      upper: greatest value of every leaf, finite; above `lower`.
      periodic: per leaf, whether `upper` continues at `lower` (an angle); such
        leaves wrap around instead of being clipped.
    """

    lower: PyTree
    upper: PyTree
    periodic: PyTree = struct.field(pytree_node=False)


__all__ = ["Array", "Bounds", "PyTree"]
