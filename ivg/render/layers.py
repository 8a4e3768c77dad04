"""Layers of a picture, and their aggregation: gradients for hidden surfaces.

Layers lie one behind the other, as depth peeling finds them. `composite_over`
shows them as one sees them; `aggregate` mixes them by their depth, so that what
is hidden gets a gradient too. With `K` layers of depth `z_k` and coverage `a_k`,

  Z_k = (far - z_k) / (far - near)
  w_k = a_k exp(Z_k / tau) / (sum_j a_j exp(Z_j / tau) + exp(epsilon / tau)).

Layers are sampled at the pixel centres and never antialiased: blended edges would
carry the background into them.
"""

import jax
import jax.numpy as jnp
from flax import struct

from ivg.numerics import safe_divide
from ivg.render.fragments import make_fragments
from ivg.render.rows import crop_scene, map_rows
from ivg.render.shading import Shader, lambert
from ivg.render.surface import MeshPlanes, mesh_planes, surface_from_fragments
from ivg.render.visibility import mesh_visibility
from ivg.scene.graph import Scene, world_mesh
from ivg.typing import Array

EPSILON = 1e-3  # score of the background; the far plane has zero
FAR_M = 10.0
_TWIN = 1e-5  # relative difference of depth of what counts as one surface
_COLDEST = 1e-12  # temperatures below count as zero


@struct.dataclass
class Layers:
    """`K` surfaces at each pixel, from front to back; missing ones come last.

    Attributes:
      rgb: `[K, H, W, 3]` linear RGB of the surface itself (not premultiplied),
        zero where there is none.
      alpha: `[K, H, W]` coverage in [0, 1], zero where there is no surface.
      depth: `[K, H, W]` metres along the optical axis, zero where there is none.
      object_index: `[K, H, W]` int32 node of the scene, -1 where there is none.
    """

    rgb: Array
    alpha: Array
    depth: Array
    object_index: Array


def render_layers(
    scene: Scene,
    *,
    num_layers: int = 8,
    shader: Shader = lambert,
    cull: str = "none",
    backend: str | None = None,
) -> Layers:
    """Peels a scene: the nearest surface at each pixel, the one behind it, ...

    Args:
      scene: scene; its camera fixes the size of the picture.
      num_layers: number `K` of faces found at a pixel (static).
      shader: from visible surfaces and lights to radiance.
      cull: "none", or "back" or "front" to leave out the faces turned that way.
      backend: "cpu", "reference", or None for the platform's best.

    Returns:
      `Layers`. Every face is a surface of its own, but two faces of a node that
      meet at a pixel are one. `rgb` and `depth` are differentiable in every float
      of the scene.

    Raises:
      ValueError: for no layers, an unknown culling or backend.
    """
    if num_layers < 1:
        raise ValueError(f"num_layers must be positive, got {num_layers}")
    camera, mesh = scene.camera, world_mesh(scene)
    face_index = mesh_visibility(
        camera, mesh, num_layers=num_layers, cull=cull, backend=backend
    )
    planes = mesh_planes(camera, mesh, scene.material)
    faces_per_node = mesh.faces.shape[0] // scene.nodes.mask.shape[0]

    def shade(first_row, index):
        part, moved = crop_scene(scene, planes, first_row, index.shape[1])
        return _shade(part, moved, _without_twins(moved, index, faces_per_node), shader)

    layers = map_rows(shade, face_index)
    return jax.tree.map(lambda x: jnp.moveaxis(x, 1, 0), layers)


def _without_twins(planes: MeshPlanes, index: Array, faces_per_node: int) -> Array:
    """Faces without those that continue the one before, where two meet at a pixel.

    Both cover a pixel centre on the edge between them, but are one surface there.
    """
    corners = jax.lax.stop_gradient(planes.corners)
    depth = make_fragments(corners, planes.origin, index).depth
    node = index // faces_per_node
    same = (node[1:] == node[:-1]) & (index[1:] >= 0)
    twin = same & (jnp.diff(depth, axis=0) <= _TWIN * depth[1:])
    return _close_gaps(index.at[1:].set(jnp.where(twin, -1, index[1:])))


def _close_gaps(index: Array) -> Array:
    """Moves faces forward over empty places, and keeps their order.

    Args:
      index: `[K, ...]` int32, -1 for an empty place.

    Returns:
      `[K, ...]` with all empty places last. Each round closes one gap at every
      pixel; there are few, so this is much faster than to sort.
    """

    def has_gap(index):
        return jnp.any((index[:-1] < 0) & (index[1:] >= 0))

    def close(index):
        following = jnp.concatenate([index[1:], jnp.full_like(index[:1], -1)])
        behind_gap = jax.lax.cummax((index < 0).astype(jnp.int32), axis=0) > 0
        return jnp.where(behind_gap, following, index)

    return jax.lax.while_loop(has_gap, close, index)


def _shade(scene: Scene, planes: MeshPlanes, index: Array, shader: Shader) -> Layers:
    """Layers with the rows first."""
    fragments = make_fragments(planes.corners, planes.origin, index)
    surface = surface_from_fragments(scene, planes, fragments)
    seen = index >= 0
    radiance = jnp.where(seen, shader(surface, scene.lights), 0)
    layers = Layers(
        rgb=jnp.moveaxis(radiance, 0, -1),
        alpha=seen.astype(radiance.dtype),
        depth=fragments.depth,
        object_index=surface.node_index,
    )
    return jax.tree.map(lambda x: jnp.moveaxis(x, 0, 1), layers)


def layer_from_picture(
    rgb: Array, alpha: Array, depth: Array, object_index: Array | int = -1
) -> Layers:
    """A picture of something else, surfels say, as one layer.

    Args:
      rgb: `[H, W, 3]` linear RGB, not premultiplied.
      alpha: `[H, W]` coverage in [0, 1].
      depth: `[H, W]` metres.
      object_index: `[H, W]` or `[]` int32 node.

    Returns:
      `Layers` with `K = 1`, zero where `alpha` is zero.
    """
    seen = alpha > 0
    index = jnp.broadcast_to(jnp.asarray(object_index, jnp.int32), depth.shape)
    layer = Layers(
        rgb=jnp.where(seen[..., None], rgb, 0),
        alpha=jnp.where(seen, alpha, 0),
        depth=jnp.where(seen, depth, 0),
        object_index=jnp.where(seen, index, -1),
    )
    return jax.tree.map(lambda x: x[None], layer)


def merge_layers(first: Layers, second: Layers) -> Layers:
    """Layers of two kinds of things in one buffer, sorted by depth.

    Args:
      first: `Layers` of `K` surfaces; comes first at equal depth.
      second: `Layers` of `L` surfaces, of the same size.

    Returns:
      `Layers` of `K + L` surfaces, differentiable in the floats of both.
    """
    both = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), first, second)
    key = jnp.where(both.alpha > 0, jax.lax.stop_gradient(both.depth), jnp.inf)
    order = jnp.argsort(key, axis=0, stable=True)

    def sort(x):
        places = order.reshape(*order.shape, *[1] * (x.ndim - order.ndim))
        return jnp.take_along_axis(x, places, 0)

    return jax.tree.map(sort, both)


def composite_over(layers: Layers, background: Array) -> Array:
    """The picture that the layers make: each over those behind it.

    Args:
      layers: layers from front to back.
      background: `[3]` or `[H, W, 3]` linear RGB.

    Returns:
      `[H, W, 3]` linear RGB, differentiable in all floats but the depth.

    Source: Porter and Duff, Compositing digital images, 1984.
    """
    picture = jnp.broadcast_to(background, layers.rgb.shape[1:])
    for rgb, alpha in zip(layers.rgb[::-1], layers.alpha[::-1], strict=True):
        share = alpha[..., None]
        picture = share * rgb + (1 - share) * picture
    return picture


def nearness(depth: Array, near: Array, far: Array) -> Array:
    """Depth on a linear scale that is one at the near plane and zero at the far one.

    Args:
      depth: `[...]` metres.
      near: `[]` metres.
      far: `[]` metres.

    Returns:
      `[...]` `(far - depth) / (far - near)`, negative beyond the far plane.
    """
    return safe_divide(far - depth, far - near)


def softmax_weights(
    log_coverage: Array, score: Array, seen: Array, tau: Array, epsilon: Array = EPSILON
) -> Array:
    """Shares of the surfaces at each pixel, and of the background.

    Args:
      log_coverage: `[K, H, W]` logarithm of the coverage, finite.
      score: `[K, H, W]` nearness `Z`, finite.
      seen: `[K, H, W]` bool; False leaves a surface out.
      tau: `[]` temperature in units of the score. From 1e-12 downwards the first
        surface that is seen has all of the weight, and nothing has a gradient.
      epsilon: `[]` score of the background.

    Returns:
      `[K + 1, H, W]` weights that sum to one, the background last. Computed in the
      log domain: no temperature overflows.
    """
    warm = tau > _COLDEST
    seen = jnp.concatenate([seen, jnp.ones_like(seen[:1])])
    background = jnp.full_like(score[:1], epsilon)
    score = jnp.where(seen, jnp.concatenate([score, background]), -jnp.inf)
    nearest = jax.lax.stop_gradient(jnp.max(score, 0))
    offset = jnp.where(seen, score, nearest) - nearest
    exponent = offset / jnp.where(warm, tau, 1)
    exponent = exponent.at[:-1].add(jnp.where(seen[:-1], log_coverage, 0))
    peak = jax.lax.stop_gradient(jnp.max(jnp.where(seen, exponent, -jnp.inf), 0))
    share = jnp.where(seen, jnp.exp(jnp.where(seen, exponent - peak, 0)), 0)
    first = seen & (jnp.cumsum(seen, 0) == 1)
    return jnp.where(warm, share / jnp.sum(share, 0), first.astype(score.dtype))


def layer_weights(
    layers: Layers, tau: Array, *, near: Array, far: Array = FAR_M,
    epsilon: Array = EPSILON,
) -> Array:  # fmt: skip
    """Weights with which layers and background enter the aggregated picture.

    Args:
      layers: layers from front to back.
      tau: `[]` temperature; 0.01 mixes surfaces that are close, zero is a hard
        render.
      near: `[]` depth of score one, metres.
      far: `[]` depth of score zero, metres; beyond, the background wins.
      epsilon: `[]` score of the background.

    Returns:
      `[K + 1, H, W]` weights that sum to one, the background last. Differentiable
      in depth, alpha and all parameters.

    Source: Periyasamy and Behnke, Towards 3D Scene Understanding Using
    Differentiable Rendering (StillebenDR), 2023, equation (8). There it is
    open what `Z` is: with the depth itself the farthest surface would win, and
    with that of a z-buffer the mixture would depend on where the near plane is.
    Coverage is ours; it is one for meshes.
    """
    seen = layers.alpha > 0
    log_coverage = jnp.log(jnp.where(seen, layers.alpha, 1))
    score = nearness(layers.depth, near, far)
    return softmax_weights(log_coverage, score, seen, tau, epsilon)


def aggregate(
    layers: Layers, background: Array, tau: Array, *, near: Array, far: Array = FAR_M,
    epsilon: Array = EPSILON,
) -> tuple[Array, Array]:  # fmt: skip
    """The layers mixed by their depth, so that hidden ones have a gradient.

    Args:
      layers: layers from front to back.
      background: `[3]` or `[H, W, 3]` linear RGB.
      tau: `[]` temperature; zero shows the first layer alone, bit for bit.
      near: `[]` depth of score one, metres.
      far: `[]` depth of score zero, metres; beyond, the background wins.
      epsilon: `[]` score of the background.

    Returns:
      `[H, W, 3]` linear RGB and `[H, W]` share that is not background.

    Source: Periyasamy and Behnke, Towards 3D Scene Understanding Using
    Differentiable Rendering (StillebenDR), 2023, equations (7) and (8).
    """
    weights = layer_weights(layers, tau, near=near, far=far, epsilon=epsilon)
    colours = jnp.broadcast_to(background, layers.rgb.shape[1:])
    colours = jnp.concatenate([layers.rgb, colours[None]])
    return jnp.sum(weights[..., None] * colours, 0), jnp.sum(weights[:-1], 0)


__all__ = [
    "EPSILON",
    "FAR_M",
    "Layers",
    "aggregate",
    "composite_over",
    "layer_from_picture",
    "layer_weights",
    "merge_layers",
    "nearness",
    "render_layers",
    "softmax_weights",
]
