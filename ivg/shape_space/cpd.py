"""Coherent point drift: one cloud of points moves onto another.

The source points are centres of a mixture of Gaussians that explains the target
points; expectation maximization moves the centres. Which motions are possible is a
`MotionModel`: rigid with scale, affine, or any coherent one.

Source: Myronenko and Song, Point Set Registration: Coherent Point Drift, 2010. The
figures and equations in the docstrings are theirs.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from ivg.geometry.rotation import nearest_rotation
from ivg.typing import Array, PyTree


@struct.dataclass
class Matches:
    """Which target points the `M` source points answer for, summed.

    Attributes:
      weight: `[M]` how many target points, `P 1`.
      centre: `[M, 3]` sum of those points, `P X`.
      total: `[]` sum of the weights.
      square: `[]` sum of the squared norms of the target points, each counted by how
        much of it is matched.
    """

    weight: Array
    centre: Array
    total: Array
    square: Array


class MotionModel(NamedTuple):
    """How source points may move.

    Attributes:
      prepare: `source [M, 3] -> aux`, once.
      fit: `(aux, source, Matches, sigma2) -> params`, the maximization step.
      move: `(aux, source, params) -> [M, 3]`.
      has_likelihood: whether the drift ends when the likelihood comes to rest; when
        the variance does if False.
    """

    prepare: Callable[[Array], PyTree]
    fit: Callable[[PyTree, Array, Matches, Array], PyTree]
    move: Callable[[PyTree, Array, PyTree], Array]
    has_likelihood: bool


@struct.dataclass
class Registration:
    """Where source points drifted.

    Attributes:
      moved: `[M, 3]` in the units of the input, float64 as all of these.
      params: of the motion model, in normalised units if the points were normalised.
      sigma2: `[max_iterations + 1]` variance before each iteration, in normalised
        units; NaN after the last one.
      num_iterations: `[]` int32.
    """

    moved: Array
    params: Any
    sigma2: Array
    num_iterations: Array


def _squared_distances(points, others):
    """`[P, Q]`."""
    squares = jnp.sum(points**2, 1)[:, None] + jnp.sum(others**2, 1)
    return jnp.maximum(squares - 2 * points @ others.T, 0)


def match_points(moved: Array, target: Array, sigma2: Array, outliers) -> Matches:
    """The expectation step, in the logarithm so that nothing vanishes.

    Args:
      moved: `[M, 3]` source points where they are now.
      target: `[N, 3]`.
      sigma2: `[]` variance of the Gaussians.
      outliers: `[]` share of the uniform law that explains the rest, in [0, 1).

    Returns:
      `Matches`.

    Source: Fig. 4, E-step.
    """
    m, n = len(moved), len(target)
    log_near = -_squared_distances(moved, target) / (2 * sigma2)
    log_uniform = 1.5 * jnp.log(2 * jnp.pi * sigma2) + jnp.log(
        outliers / (1 - outliers) * m / n
    )
    highest = jnp.max(log_near, 0)
    near = jnp.exp(log_near - highest)
    share = near / (jnp.sum(near, 0) + jnp.exp(log_uniform - highest))
    weight = jnp.sum(share, 1)
    square = jnp.sum(share, 0) @ jnp.sum(target**2, 1)
    return Matches(weight, share @ target, jnp.sum(weight), square)


@functools.cache
def rigid_model(*, has_scale: bool = True) -> MotionModel:
    """Rotation, translation, and scale.

    Args:
      has_scale: whether the size may change.

    Returns:
      `MotionModel` with parameters `(scale [], rotation [3, 3], translation [3])`:
      points go to `scale * rotation @ point + translation`. The scale is one where
      all source points are in one place.

    Source: Fig. 2.
    """

    def fit(aux, source, matches, sigma2):
        del aux, sigma2
        cross, centred, to, start = _centred(source, matches)
        rotation, reach = nearest_rotation(cross)
        spread = matches.weight @ jnp.sum(centred**2, 1)
        rounding = 1e-24 * (matches.weight @ jnp.sum(source**2, 1))
        has_size = spread > rounding
        scale = jnp.where(has_size, reach / jnp.where(has_size, spread, 1), 1)
        scale = scale if has_scale else jnp.ones(())
        return scale, rotation, to - scale * rotation @ start

    def move(aux, source, params):
        del aux
        scale, rotation, translation = params
        return scale * source @ rotation.T + translation

    return MotionModel(lambda source: (), fit, move, True)


@functools.cache
def affine_model() -> MotionModel:
    """A linear map and a translation.

    Returns:
      `MotionModel` with parameters `(matrix [3, 3], translation [3])`. Directions
      in which the source has no extent, as across a plane, go to zero.

    Source: Fig. 3, with the pseudoinverse.
    """

    def fit(aux, source, matches, sigma2):
        del aux, sigma2
        cross, centred, to, start = _centred(source, matches)
        spread = centred.T @ (matches.weight[:, None] * centred)
        matrix = cross @ jnp.linalg.pinv(spread, hermitian=True)
        return matrix, to - matrix @ start

    def move(aux, source, params):
        del aux
        matrix, translation = params
        return source @ matrix.T + translation

    return MotionModel(lambda source: (), fit, move, True)


def _centred(source, matches):
    """`[3, 3]` covariance of matched points, centred source, and both centres."""
    to = jnp.sum(matches.centre, 0) / matches.total
    start = matches.weight @ source / matches.total
    centred = source - start
    cross = (matches.centre - matches.weight[:, None] * to).T @ centred
    return cross, centred, to, start


def gaussian_kernel(points: Array, centres: Array, beta) -> Array:
    """`exp(-|x - y|^2 / (2 beta^2))`.

    Args:
      points: `[P, 3]`.
      centres: `[M, 3]`.
      beta: `[]` width, in the units of the points.

    Returns:
      `[P, M]`.
    """
    return jnp.exp(-_squared_distances(points, centres) / (2 * beta**2))


def pivoted_cholesky(gram: Array, rank: int) -> Array:
    """A few columns whose products are nearly a positive matrix.

    Args:
      gram: `[M, M]`.
      rank: `R`, number of columns.

    Returns:
      `[M, R]`, `L` with `L L^T` near `gram`. Each column takes away the largest
      entry that is left on the diagonal.

    Source: Harbrecht, Peters and Schneider, On the low-rank approximation by the
    pivoted Cholesky decomposition, 2012.
    """

    def add_column(k, carry):
        root, left = carry
        pivot = jnp.argmax(left)
        column = gram[:, pivot] - root @ root[pivot]
        height = left[pivot]
        column = jnp.where(height > 1e-12, column / jnp.sqrt(height + 1e-300), 0)
        return root.at[:, k].set(column), jnp.maximum(left - column**2, 0)

    empty = jnp.zeros((len(gram), rank), gram.dtype)
    return jax.lax.fori_loop(0, rank, add_column, (empty, jnp.diag(gram)))[0]


@functools.cache
def nonrigid_model(
    beta: float = 2.0, stiffness: float = 2.0, rank: int | None = None
) -> MotionModel:
    """Any motion in which neighbours move alike.

    Args:
      beta: width of the kernel, in normalised units if the points are normalised.
      stiffness: `lambda`, how much coherence counts.
      rank: number of columns of the kernel's factor; as many as points if None.
        Iterations cost `M rank^2` and not `M^3`.

    Returns:
      `MotionModel` with parameters `W` `[M, 3]`: points go to `point + G W`.

    Source: Fig. 4, Eqs. 22 and 23. With `G = L L^T` the equations
    `(d(P1) G + lambda sigma^2 I) W = P X - d(P1) Y` become those of the few columns
    of `L`: `(L^T d(P1) L + lambda sigma^2 I) L^T W = L^T (P X - d(P1) Y)`.
    """

    def prepare(source):
        gram = gaussian_kernel(source, source, beta)
        if rank is None:
            return gram, None
        root = pivoted_cholesky(gram, rank)
        return root @ root.T, root

    def fit(aux, source, matches, sigma2):
        gram, root = aux
        weight = matches.weight[:, None]
        pull = matches.centre - weight * source
        if root is None:
            system = weight * gram + stiffness * sigma2 * jnp.eye(len(source))
            return jnp.linalg.solve(system, pull)
        system = root.T @ (weight * root) + stiffness * sigma2 * jnp.eye(root.shape[1])
        few = jnp.linalg.solve(system, root.T @ pull)
        return (pull - weight * (root @ few)) / (stiffness * sigma2)

    def move(aux, source, params):
        gram, _ = aux
        return source + gram @ params

    return MotionModel(prepare, fit, move, False)


def middle_and_size(points: Array) -> tuple[np.ndarray, float]:
    """What normalises a cloud of points.

    Args:
      points: `[M, 3]`.

    Returns:
      `[3]` mean, and the root mean square distance from it, one for a single place.
    """
    centre = np.mean(points, 0, dtype=np.float64)
    size = np.sqrt(np.mean(np.sum((points - centre) ** 2, 1)))
    return centre, float(size) or 1.0


def register_points(
    source: Array,
    target: Array,
    model: MotionModel,
    *,
    outliers: float = 0.0,
    tolerance: float = 1e-5,
    max_iterations: int = 250,
    is_normalized: bool = True,
) -> Registration:
    """Coherent point drift, in float64.

    Args:
      source: `[M, 3]` points that move.
      target: `[N, 3]`.
      model: which motions are possible.
      outliers: share of target points that no source point explains, in [0, 1).
      tolerance: the drift ends when the change of the variance (of the likelihood,
        for models that have one) is no greater.
      max_iterations: limit.
      is_normalized: whether both clouds are first moved by the mean of the source and
        divided by its root mean square distance, so that neither the model nor the
        tolerance depends on the unit of length.

    Returns:
      `Registration` of NumPy arrays.

    Raises:
      ValueError: if a cloud is empty or has numbers that are not finite, or if
        `outliers` is not in [0, 1).
    """
    if not 0 <= outliers < 1:
        raise ValueError(f"outliers must be in [0, 1), got {outliers}")
    clouds = [np.asarray(points, np.float64) for points in (source, target)]
    for name, points in zip(("source", "target"), clouds, strict=True):
        if not len(points) or not np.isfinite(points).all():
            raise ValueError(f"{name}: needs at least one point, and finite numbers")
    centre, scale = middle_and_size(clouds[0]) if is_normalized else (np.zeros(3), 1.0)
    with jax.enable_x64(True):
        units = [jnp.asarray((points - centre) / scale) for points in clouds]
        found = _drift(*units, model, outliers, tolerance, max_iterations)
        found = jax.tree.map(np.asarray, found)
    return found.replace(moved=found.moved * scale + centre)


@functools.partial(jax.jit, static_argnums=(2, 5))
def _drift(source, target, model, outliers, tolerance, max_iterations):
    aux = model.prepare(source)

    def maximize(moved, sigma2):
        matches = match_points(moved, target, sigma2, outliers)
        return matches, model.fit(aux, source, matches, sigma2)

    def step(carry):
        count, _, last, variances, moved, _ = carry
        sigma2 = variances[count]
        matches, params = maximize(moved, sigma2)
        moved = model.move(aux, source, params)
        wrong = _squared_error(moved, matches)
        variance = wrong / (3 * matches.total)
        variance = jnp.where(variance > 0, variance, tolerance / 10)
        variance = jnp.maximum(variance, least)
        cost = wrong / (2 * sigma2) + 1.5 * matches.total * jnp.log(sigma2)
        value = cost if model.has_likelihood else variance
        variances = variances.at[count + 1].set(variance)
        return count + 1, jnp.abs(value - last), value, variances, moved, params

    def goes_on(carry):
        return (carry[0] < max_iterations) & (carry[1] > tolerance)

    start = jnp.maximum(_first_variance(source, target), 1e-12)
    least = 1e-12 * start
    variances = jnp.full(max_iterations + 1, jnp.nan).at[0].set(start)
    last = jnp.asarray(jnp.inf) if model.has_likelihood else start
    _, shapes = jax.eval_shape(maximize, source, start)
    none = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
    first = (jnp.asarray(0), jnp.asarray(jnp.inf), last, variances, source, none)
    count, _, _, variances, moved, params = jax.lax.while_loop(goes_on, step, first)
    return Registration(moved, params, variances, count)


def _first_variance(source, target):
    """Mean squared distance of all pairs, per axis."""
    apart = jnp.mean(source, 0) - jnp.mean(target, 0)
    return jnp.mean(jnp.var(source, 0) + jnp.var(target, 0) + apart**2)


def _squared_error(moved, matches):
    """Sum of squared distances of matched pairs."""
    own = matches.weight @ jnp.sum(moved**2, 1)
    return matches.square - 2 * jnp.sum(moved * matches.centre) + own


__all__ = [
    "Matches",
    "MotionModel",
    "Registration",
    "affine_model",
    "gaussian_kernel",
    "match_points",
    "middle_and_size",
    "nonrigid_model",
    "pivoted_cholesky",
    "register_points",
    "rigid_model",
]
