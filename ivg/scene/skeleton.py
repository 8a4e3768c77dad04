"""The joints of a human pose: 17 in all, 16 seen in a picture, 16 inferred.

A pose is `[17, 3]` in the order of `JOINTS`. Pictures show those of `INPUT_JOINTS`,
without the centre of the head; networks say those of `OUTPUT_JOINTS`, without the
pelvis, which is the midpoint of the hips. Resting bodies stand upright along +y and
look along +z, with their left side at +x.

Source: IGE-Net, section 5.2: 16 joints in, a slightly different set of 16 out, 17
evaluated, as Martinez et al. (ICCV 2017) do. The order of the input is that of MPII.
"""

import jax.numpy as jnp

from ivg.typing import Array

JOINTS = (
    "pelvis",
    "right_hip", "right_knee", "right_ankle",
    "left_hip", "left_knee", "left_ankle",
    "thorax", "neck", "head_centre", "head_top",
    "left_shoulder", "left_elbow", "left_wrist",
    "right_shoulder", "right_elbow", "right_wrist",
)  # fmt: skip
PARENTS = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15)
INPUT_JOINTS = tuple(
    JOINTS.index(name)
    for name in (
        "right_ankle", "right_knee", "right_hip",
        "left_hip", "left_knee", "left_ankle",
        "pelvis", "thorax", "neck", "head_top",
        "right_wrist", "right_elbow", "right_shoulder",
        "left_shoulder", "left_elbow", "left_wrist",
    )
)  # fmt: skip
OUTPUT_JOINTS = tuple(range(1, 17))
# Rows of `OUTPUT_JOINTS`.
RIGHT_HIP, LEFT_HIP = 0, 3


def with_pelvis(joints: Array) -> Array:
    """The 17 joints that are evaluated.

    Args:
      joints: `[16, 3]` in the order of `OUTPUT_JOINTS`.

    Returns:
      `[17, 3]` in the order of `JOINTS`; the pelvis is the midpoint of the hips.
    """
    pelvis = (joints[RIGHT_HIP] + joints[LEFT_HIP]) / 2
    return jnp.concatenate([pelvis[None], joints])


__all__ = [
    "INPUT_JOINTS",
    "JOINTS",
    "LEFT_HIP",
    "OUTPUT_JOINTS",
    "PARENTS",
    "RIGHT_HIP",
    "with_pelvis",
]
