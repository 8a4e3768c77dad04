"""Soft rasterization: every face spreads beyond its outline.

With `d_j` the distance in the picture from a pixel to the outline of face `j`,
positive inside, `Z_j` its nearness and `C_j` its colour there,

  D_j = sigmoid(sign(d_j) d_j^2 / sigma)
  alpha = 1 - prod_j (1 - D_j)
  w_j = D_j exp(Z_j / gamma) / (sum_k D_k exp(Z_k / gamma) + exp(epsilon / gamma))
  rgb = sum_j w_j C_j + w_background C_background.

Distances are in units in which the picture is two high, so that the values of
`sigma` and `gamma` in the literature hold. All that a face needs here is affine
in the image (`SoftPlanes`); nothing is divided by a depth near zero.
"""

import functools
import math

import jax
import jax.numpy as jnp
from flax import struct

from ivg.geometry.camera import Camera, homogeneous_px
from ivg.numerics import safe_divide, safe_norm, safe_normalize
from ivg.render.fragments import Fragments, edge_functions
from ivg.render.gather import gather_planes
from ivg.render.layers import FAR_M, nearness, softmax_weights
from ivg.render.planes import evaluate_planes
from ivg.render.rows import crop_origin, crop_scene, map_rows
from ivg.render.shading import Shader, lambert
from ivg.render.surface import (
    MeshPlanes,
    Surface,
    mesh_planes,
    surface_albedo,
    surface_from_fragments,
)
from ivg.render.visibility import mesh_visibility
from ivg.scene.appearance import Material
from ivg.scene.graph import Scene, world_mesh
from ivg.scene.mesh import Mesh
from ivg.typing import Array

_REACH = math.log(1e4 - 1)  # faces end where their probability falls below 1e-4
_SHORTEST_PX = 1e-4  # the other sides stand for shorter ones
_THINNEST = 1e-6  # pixels times metres; faces thinner than that are seen edge-on
_FAR_PX = 1e6  # distance of sides that are not there
_SHARPEST = 1e-12  # least sigma


@struct.dataclass
class SoftPlanes:
    """Faces as soft rasterization needs them; most as affine functions of the image.

    Attributes:
      origin: `[F, 2]` pixels that the others refer to. No gradient.
      sides: `[F, 9, 3]` for each corner the side across from it: the line through
        it, positive inside, and how far a pixel is before and beyond its ends.
      per_length: `[F, 3]` factor from the values of the lines to pixels.
      limit: `[F, 3]` values of the lines at the corners across.
      depth: `[F, 3]` metres, depth of the corners.
      normals: `[F, 9]` normals at the corners.
      uv: `[F, 6]` texture coordinates at the corners.
      colours: `[F, 9]` vertex colours at the corners, if any.
    """

    origin: Array
    sides: Array
    per_length: Array
    limit: Array
    depth: Array
    normals: Array
    uv: Array
    colours: Array | None = None


@struct.dataclass
class SoftFragments:
    """What the faces that are near each pixel are there.

    Attributes:
      signed_square: `[K, H, W]` squared distance to the outline in pixels, positive
        inside.
      depth: `[K, H, W]` metres, positive; zero where there is no face.
      barycentrics: `[3, K, H, W]` of the surface, not negative.
    """

    signed_square: Array
    depth: Array
    barycentrics: Array


def reach_px(sigma: Array, height: int) -> Array:
    """How far from a face its probability is at least 1e-4; beyond it counts as zero.

    Args:
      sigma: `[]` blur.
      height: rows of the picture.

    Returns:
      `[]` pixels. No gradient.
    """
    sigma = jax.lax.stop_gradient(jnp.asarray(sigma, jnp.result_type(float)))
    return jnp.sqrt(_REACH * jnp.maximum(sigma, 0)) * height / 2


def soft_planes(camera: Camera, mesh: Mesh, material: Material) -> SoftPlanes:
    """The faces of a mesh seen by a camera.

    Args:
      camera: camera.
      mesh: mesh in the world.
      material: material, with the vertex colours if there are any.

    Returns:
      `SoftPlanes`, differentiable in camera, mesh and material.
    """
    colours = material.vertex_colours
    if colours is not None:
        colours = colours.reshape(-1, 3)[mesh.faces].reshape(-1, 9)
    vertices = homogeneous_px(camera, mesh.vertices)
    corners, lines, origin = edge_functions(
        vertices, mesh.faces, camera.height, camera.width
    )
    ends = _visible_ends(corners, camera.near)
    exists = _exists(corners[2], ends, camera.near)
    lines, determinant = _oriented(lines, corners[2], exists)
    sides, per_length = _sides(lines, ends, exists & (determinant > 0))
    return SoftPlanes(
        origin=origin.T,
        sides=jnp.transpose(sides, (3, 0, 2, 1)).reshape(-1, 9, 3),
        per_length=per_length.T,
        limit=_limits(corners[2], determinant, camera.near).T,
        depth=corners[2].T,
        normals=mesh.normals[mesh.faces].reshape(-1, 9),
        uv=mesh.uv[mesh.faces].reshape(-1, 6),
        colours=colours,
    )


def _visible_ends(corners: Array, near: Array) -> tuple[Array, Array]:
    """`[2, 3, F]` pixels: the ends of the sides, cut at the near plane."""
    first, second = jnp.roll(corners, -1, 1), jnp.roll(corners, -2, 1)

    def cut(p, q):
        crosses = (p[2] < near) & (q[2] > near)
        t = (near - p[2]) / jnp.where(crosses, q[2] - p[2], 1)
        point = jnp.where(crosses, p + t * (q - p), p)
        depth = jnp.where(crosses, near, p[2])
        return point[:2] / jnp.where(depth >= near, depth, 1)

    return cut(first, second), cut(second, first)


def _exists(depth: Array, ends: tuple[Array, Array], near: Array) -> Array:
    """`[3, F]` whether a side is in front of the camera, and more than a point."""
    nearer_end = jnp.maximum(jnp.roll(depth, -1, 0), jnp.roll(depth, -2, 0))
    length = safe_norm(jax.lax.stop_gradient(ends[1] - ends[0]), 0)
    return (nearer_end > near) & (length > _SHORTEST_PX)


def _oriented(lines: Array, depth: Array, exists: Array) -> tuple[Array, Array]:
    """Lines of order one, positive inside, and `[F]` determinant, not negative.

    Both are zero for faces that are seen edge-on or not at all.
    """
    somewhere = jnp.any(exists, 0)
    length = jnp.max(safe_norm(jax.lax.stop_gradient(lines[:2]), 0), 0)
    lines = jnp.where(somewhere, lines, 0) / jnp.where(somewhere, length, 1)
    determinant = jnp.sum(depth * lines[2], 0)
    thick = jnp.abs(determinant) > _THINNEST
    sign = jnp.where(thick, jnp.sign(determinant), 0)
    return lines * sign, determinant * sign


def _sides(lines: Array, ends: tuple[Array, Array], exists: Array):
    """`[3 (line, before, beyond), 3 (x, y, 1), 3, F]`, and factors to pixels."""
    upright = jnp.array([1.0, 0.0], lines.dtype)[:, None, None]
    slope = jnp.where(exists, lines[:2], upright)
    normal = safe_normalize(slope, 0)
    along = jnp.stack([-normal[1], normal[0]])
    a, b = (jnp.sum(along * jnp.where(exists, end, 0), 0) for end in ends)
    before = jnp.concatenate([-along, jnp.minimum(a, b)[None]])
    beyond = jnp.concatenate([along, -jnp.maximum(a, b)[None]])
    nowhere = jnp.array([0.0, 0.0, _FAR_PX], lines.dtype)[:, None, None]
    before, beyond = (jnp.where(exists, x, nowhere) for x in (before, beyond))
    per_length = jnp.where(exists, safe_divide(1.0, safe_norm(slope, 0)), 0)
    return jnp.stack([lines, before, beyond]), per_length


def _limits(depth: Array, determinant: Array, near: Array) -> Array:
    """`[3, F]` greatest values of the lines; none for faces cut by the near plane."""
    ahead = jnp.min(depth, 0) >= near
    limit = determinant * safe_divide(1.0, jnp.where(ahead, depth, 1))
    return jnp.where(ahead, limit, jnp.inf)


def soft_fragments(planes: SoftPlanes, face_index: Array, near: Array) -> SoftFragments:
    """Distance, depth and barycentric coordinates of faces near each pixel.

    Beside a face coordinates in the picture are clamped to [0, 1] and scaled to sum
    to one; depth is that of the point on the face that they name.

    Args:
      planes: faces.
      face_index: `[K, H, W]` int32, -1 for none.
      near: `[]` least visible depth, metres.

    Returns:
      `SoftFragments`, differentiable in the planes. A face that crosses the near
      plane ends there, but has no outline along it.

    Source: Liu et al., Soft Rasterizer, 2019, and its CUDA kernel; there colours
    are interpolated in the picture, here on the surface.
    """
    sides = evaluate_planes(planes.sides, planes.origin, face_index)
    line, before, beyond = sides.reshape(3, 3, *face_index.shape)
    value = jnp.clip(line, 0, gather_planes(planes.limit, face_index))
    weight = safe_divide(value, jnp.sum(value, 0))
    depth = jnp.sum(weight * gather_planes(planes.depth, face_index), 0)
    across = line * gather_planes(planes.per_length, face_index)
    past = jnp.maximum(jnp.maximum(before, beyond), 0)
    square = jnp.min(across**2 + past**2, 0)
    inside = jnp.all(line > 0, 0) & (depth >= near)
    return SoftFragments(
        signed_square=jnp.where(inside, square, -square),
        depth=jnp.where(jnp.any(value > 0, 0), jnp.maximum(depth, near), 0),
        barycentrics=weight,
    )


def aggregate_soft(
    signed_square: Array, score: Array, seen: Array, colours: Array, background: Array,
    sigma: Array, gamma: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """Colour and silhouette of spread faces.

    Args:
      signed_square: `[K, H, W]` signed squared distance, in halves of the picture's
        height squared.
      score: `[K, H, W]` nearness.
      seen: `[K, H, W]` bool; False leaves a face out.
      colours: `[3, K, H, W]` linear RGB.
      background: `[3]` linear RGB.
      sigma: `[]` blur, in units of `signed_square`.
      gamma: `[]` temperature, in units of the score.

    Returns:
      `[H, W, 3]` linear RGB and `[H, W]` alpha in [0, 1]. Differentiable in all
      floats.

    Source: Liu et al., Soft Rasterizer, 2019, equations (1), (2), (3) and (5),
    with sums of logarithms for products.
    """
    logit = jnp.where(seen, signed_square, 0) / jnp.maximum(sigma, _SHARPEST)
    missed = jnp.where(seen, jax.nn.log_sigmoid(-logit), 0)
    weights = softmax_weights(jax.nn.log_sigmoid(logit), score, seen, gamma)
    rgb = jnp.sum(weights[:-1] * colours, 1) + weights[-1] * background[:, None, None]
    return jnp.moveaxis(rgb, 0, -1), -jnp.expm1(jnp.sum(missed, 0))


def soft_picture(
    scene: Scene, face_index: Array, *, sigma: Array, gamma: Array, far: Array = FAR_M,
    shader: Shader = lambert,
) -> tuple[Array, Array]:  # fmt: skip
    """Soft rasterization of given faces.

    Args:
      scene: scene.
      face_index: `[K, H, W]` int32 faces of `world_mesh(scene)` at each pixel, no
        face twice, -1 for none. Those beyond `reach_px` are left out.
      sigma: `[]` blur, in halves of the picture's height squared.
      gamma: `[]` temperature of the colours.
      far: `[]` depth at which the score is zero, metres.
      shader: from visible surfaces and lights to radiance.

    Returns:
      `[H, W, 3]` linear RGB and `[H, W]` alpha.
    """
    camera, mesh = scene.camera, world_mesh(scene)
    planes = mesh_planes(camera, mesh, scene.material)
    spread = soft_planes(camera, mesh, scene.material)
    unit = 2 / camera.height
    reach = (reach_px(sigma, camera.height) * unit) ** 2

    def draw(first_row, index):
        part, moved = crop_scene(scene, planes, first_row, index.shape[1])
        nearby = spread.replace(origin=crop_origin(spread.origin, first_row))
        fragments = soft_fragments(nearby, index, camera.near)
        square = fragments.signed_square * unit**2
        seen = (index >= 0) & (fragments.depth > 0) & (square >= -reach)
        surface = _surface(part, moved, nearby, fragments, jnp.where(seen, index, -1))
        colours = jnp.where(seen, shader(surface, part.lights), 0)
        score = nearness(fragments.depth, camera.near, far)
        return aggregate_soft(
            square, score, seen, colours, scene.background, sigma, gamma
        )

    return map_rows(draw, face_index)


def _surface(
    scene: Scene, planes: MeshPlanes, spread: SoftPlanes, fragments: SoftFragments,
    index: Array,
) -> Surface:  # fmt: skip
    """Surfaces, with attributes of the nearest point of the face."""
    depth = jnp.where(index >= 0, fragments.depth, 0)
    shown = Fragments(index, planes.origin, depth)
    surface = surface_from_fragments(scene, planes, shown)

    def blend(table):
        corners = gather_planes(table, index).reshape(3, -1, *index.shape)
        return jnp.sum(corners * fragments.barycentrics[:, None], 0)

    colours = None if spread.colours is None else blend(spread.colours)
    uv, node_index = blend(spread.uv), surface.node_index
    return surface.replace(
        normal=safe_normalize(blend(spread.normals), 0),
        uv=uv,
        albedo=surface_albedo(scene, planes, shown, node_index, uv, colours),
    )


def render_soft(
    scene: Scene,
    *,
    num_layers: int = 8,
    sigma: Array = 1e-4,
    gamma: Array = 1e-4,
    far: Array = FAR_M,
    shader: Shader = lambert,
    cull: str = "none",
    backend: str | None = None,
) -> tuple[Array, Array]:
    """Soft rasterization of a scene.

    Args:
      scene: scene; its camera fixes the size of the picture.
      num_layers: how many faces, the nearest ones within `reach_px`, blend at a
        pixel with the one that covers it (static). Others are left out: where faces
        are smaller than the reach, more layers or a smaller `sigma` are needed.
      sigma: `[]` blur, in halves of the picture's height squared; the outline of a
        face is `sqrt(sigma)` wide.
      gamma: `[]` temperature of the colours; at zero the nearest face wins.
      far: `[]` depth at which the score is zero, metres; beyond, the background wins.
      shader: from visible surfaces and lights to radiance.
      cull: "none", or "back" or "front" to leave out the faces turned that way.
      backend: "cpu", "reference", or None for the platform's best.

    Returns:
      `[H, W, 3]` linear RGB, aggregated with the background, and `[H, W]` alpha, the
      silhouette. Differentiable in every float of the scene, `sigma`, `gamma` and
      `far`.

    Raises:
      ValueError: for no layers, an unknown culling or backend.

    Source: Liu et al., Soft Rasterizer: A Differentiable Renderer for Image-based
    3D Reasoning, ICCV 2019. `Z` is `(far - depth) / (far - near)` as in their code.
    """
    if num_layers < 1:
        raise ValueError(f"num_layers must be positive, got {num_layers}")
    return soft_picture(
        scene, _faces_in_reach(scene, num_layers, sigma, cull, backend),
        sigma=sigma, gamma=gamma, far=far, shader=shader,
    )  # fmt: skip


def _faces_in_reach(scene, num_layers, sigma, cull, backend) -> Array:
    """`[1 + K, H, W]` the face that covers each pixel, and the nearest ones around.

    The first is there too where many small faces beside the pixel are nearer.
    """
    camera, mesh = scene.camera, world_mesh(scene)
    find = functools.partial(mesh_visibility, camera, mesh, cull=cull, backend=backend)
    covering = find()
    around = find(num_layers=num_layers, radius_px=reach_px(sigma, camera.height))
    others = jnp.where(around == covering, -1, around)
    return jnp.concatenate([covering, others])


__all__ = [
    "SoftFragments",
    "SoftPlanes",
    "aggregate_soft",
    "reach_px",
    "render_soft",
    "soft_fragments",
    "soft_picture",
    "soft_planes",
]
