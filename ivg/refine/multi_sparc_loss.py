"""What trains the updates and the score of Multi-SPARC, and pose by correspondence.

Source: Langer et al., Sparse Multi-Object Render-and-Compare, section 3, "Loss".
"""

import jax
import jax.numpy as jnp
import optax

from ivg.geometry import rotation
from ivg.metrics.alignment import is_accurate
from ivg.numerics import matmul, safe_divide
from ivg.scene.indoor import Placement, place_points
from ivg.typing import Array

_LEAST_SIZE_M = 0.02


def nearest_alike(placement: Placement, truth: Placement, fold: Array) -> Placement:
    """The true pose, turned to the nearest that looks the same.

    The angle to a turn by `a` about y is least where `|w cos(a/2) + y sin(a/2)|` is
    greatest, of the relative quaternion: the multiple next to `2 atan2(y, w)`.

    Args:
      placement: where the object is assumed.
      truth: where it is.
      fold: `[]` int32, turns about the model's y that look the same.

    Returns:
      `Placement`, `truth` with another quaternion; no slope in `placement`.
    """
    relative = rotation.multiply(
        rotation.inverse(truth.quaternion), jax.lax.stop_gradient(placement.quaternion)
    )
    step = 2 * jnp.pi / fold
    azimuth = 2 * jnp.arctan2(relative[2], relative[0])
    turn = rotation.quaternion_from_azimuth(jnp.round(azimuth / step) * step)
    return truth._replace(quaternion=rotation.multiply(truth.quaternion, turn))


def point_loss(
    placement: Placement, truth: Placement, fold: Array, points: Array
) -> Array:
    """Distance of the points of a model from where they should be.

    Args:
      placement: where the object is assumed.
      truth: where it is.
      fold: `[]` int32, turns about the model's y that look the same; of those the
        nearest to the assumed pose counts.
      points: `[P, 3]` of the model.

    Returns:
      `[]` metres: L1, summed over the axes, mean over the points.

    Source: Multi-SPARC sums over 1000 points and adds an unweighted cross-entropy,
    which would then be negligible; hence the mean.
    """
    alike = nearest_alike(placement, truth, fold)
    offset = place_points(placement, points) - place_points(alike, points)
    return jnp.mean(jnp.sum(jnp.abs(offset), -1))


def mean_point_loss(
    placements: Placement, truth: Placement, fold: Array, points: Array, present: Array
) -> Array:
    """`point_loss` of the objects of a picture.

    Args:
      placements: `Placement` of `[N]`.
      truth: `Placement` of `[N]`.
      fold: `[N]` int32.
      points: `[N, P, 3]`.
      present: `[N]` bool, which count.

    Returns:
      `[]` metres, sum over the objects that count.
    """
    losses = jax.vmap(point_loss)(placements, truth, fold, points)
    return jnp.sum(jnp.where(present, losses, 0))


def score_loss(
    logits: Array, placements: Placement, truth: Placement, fold: Array, present: Array
) -> Array:
    """Cross-entropy of the score of poses, before the update that comes with it.

    Args:
      logits: `[N]`.
      placements: `Placement` of `[N]`, whose score that is.
      truth: `Placement` of `[N]`.
      fold: `[N]` int32, turns about y that look the same.
      present: `[N]` bool, which count.

    Returns:
      `[]` nats, sum over the objects that count.

    Source: Multi-SPARC, section 3: accurate is within 20 cm, 20 degrees and 20 %.
    """
    labels = jax.vmap(is_accurate)(placements, truth, fold)
    losses = optax.sigmoid_binary_cross_entropy(logits, labels.astype(logits.dtype))
    return jnp.sum(jnp.where(present, losses, 0))


def pose_from_correspondences(
    points: Array, places: Array, weights: Array, size: Array, num_rounds: int = 10
) -> Placement:
    """The pose and size that bring points of a model to where they are seen.

    Least squares in turn: rotation and position for the size, and the size, axis by
    axis, for the rotation and the position. The sum of squares never grows.

    Args:
      points: `[P, 3]` in the model, whose box has sides of one.
      places: `[P, 3]` metres, in the frame of the camera.
      weights: `[P]`, not negative.
      size: `[3]` first guess, metres; a result is between a third and three times it.
      num_rounds: how often.

    Returns:
      `Placement`; finite, also when nothing has weight. Position and size have
      gradients, with the rotation held; the rotation has none.

    Source: Gümeli et al., ROCA, CVPR 2022, section 3.4, which fits rotation and
    position for a size that a network says; Umeyama, PAMI 1991.
    """
    share = safe_divide(weights, jnp.sum(weights))
    centre = matmul(share, places)
    low, high = jnp.maximum(size / 3, _LEAST_SIZE_M), size * 3

    def fit(_, size):
        turn, middle = _turn_onto(share, size * points, places - centre)
        seen = matmul(places - centre - middle, turn)
        wanted = jnp.sum(share[:, None] * points * seen, 0)
        reach = jnp.sum(share[:, None] * points**2, 0)
        found = safe_divide(wanted, reach)
        return jnp.clip(jnp.where(reach > 0, found, size), low, high)

    size = jax.lax.fori_loop(0, num_rounds, fit, size)
    turn, middle = _turn_onto(share, size * points, places - centre)
    quaternion = rotation.quaternion_from_matrix(turn)
    return Placement(centre + middle, quaternion, size)


def _turn_onto(share, points, places):
    """Rotation `[3, 3]` and position `[3]` of least squares."""
    middle = matmul(share, points)
    to = matmul(share, places)
    covariance = matmul((share[:, None] * (places - to)).T, points - middle)
    # Its gradients are not finite for points on a line, or alike in two directions.
    turn, _ = rotation.nearest_rotation(jax.lax.stop_gradient(covariance))
    return turn, to - matmul(turn, middle)


__all__ = [
    "mean_point_loss",
    "nearest_alike",
    "point_loss",
    "pose_from_correspondences",
    "score_loss",
]
