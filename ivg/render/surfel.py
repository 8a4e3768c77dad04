"""Surfels: one element of surface per pixel, made from a depth map.

Depths are metres along the optical axis. A depth that is not finite, or not beyond
the near plane of the camera, is background: it has no normal, gives no light and
receives no gradient. Components come first, as in `ivg.render.surface`.

The normal `N` of a pixel solves `N . Q_k = 0` in the sense of least squares, where
`Q_k` leads from its point to those of its neighbours. The length of `N` is fixed by
`N . v = 1`, with `v` from the point towards the camera, so that it faces the camera
by construction. Let `(i, j)` count pixels to the right and up, `(x, y, -1)` be the
ray in the frame of the camera and `rho_k = d / d_k - 1`. Divided by `d_k`,

    N . Q_k / d_k = n_x i / f_x + n_y j / f_y + rho_k.

The unknowns have constant factors: no direction is singular, and a plane, of which
`1 / d` is an affine function of the image, is met exactly. On a sphere
`N . Q_k = -a |Q_k|^2` with one constant `a`; as a third unknown it makes spheres
exact too, and takes up the jump where neighbours lie on another surface.

Neither fit has the right normals along creases and outlines, where neighbours lie on
several faces. There "sides" takes the slopes towards the neighbours on that side of the
pixel where the surface goes on as it is.

Source: Rajeswar et al., Pix2Scene: Learning Implicit 3D Representations from Images,
equations (1) and (3); for "sides", Jiang and Shu, Efficient Implementation of Weighted
ENO Schemes, J. Comput. Phys. 126 (1996), the weights.
"""

import jax
import jax.numpy as jnp

from ivg.geometry import rotation
from ivg.geometry.camera import Camera, ray_planes
from ivg.numerics import dot, safe_divide, safe_normalize, safe_sqrt, spread
from ivg.render.shading import Shader, irradiance, light_share
from ivg.render.surface import Surface
from ivg.scene.appearance import Lights
from ivg.typing import Array

FITS = ("sphere", "plane", "sides")
INVERSE_SQUARE = (0.0, 0.0, 1.0)
NEIGHBOURS = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))
_UNRELATED = 1e3  # ratio of depths beyond which points share no surface
_CREASE = 0.25  # change of slope from a pixel to the next that is one
_LEAST_CURVED = 1e-2  # share of the curvature term that the plane leaves over


def is_surface(depth: Array, camera: Camera) -> Array:
    """Which pixels have a surfel.

    Args:
      depth: `[H, W]` metres along the optical axis.
      camera: camera.

    Returns:
      `[H, W]` bool: finite and beyond the near plane.
    """
    return (depth > camera.near) & (depth < jnp.inf)


def surfel_points(depth: Array, camera: Camera) -> Array:
    """Where the pixels of a depth map lie.

    Args:
      depth: `[H, W]` metres along the optical axis.
      camera: camera of that image.

    Returns:
      `[3, H, W]` metres, in the world; the place of the camera for background.

    Raises:
      ValueError: if the depth map has another size than the image of the camera.
    """
    depth = _known(depth, camera, 0.0)
    return camera.position[:, None, None] + ray_planes(camera) * depth


def surfel_normals(depth: Array, camera: Camera, *, fit: str = "sphere") -> Array:
    """Normals of a depth map by least squares over the 8 neighbours of each pixel.

    Neighbours beyond the border or in the background are left out. Where those that
    remain do not determine a sphere, a plane is fitted; where they do not determine
    a plane, the normal points against the optical axis.

    Args:
      depth: `[H, W]` metres along the optical axis.
      camera: camera of that image.
      fit: "sphere" is exact for planes and spheres; "plane" is the paper's, whose
        error falls with the square of the size of a pixel, and which slants at
        jumps of the depth. "sides" is exact for planes up to their edges and has the
        error of the paper's inside curved surfaces: it weighs the differences towards
        both sides by how little the slope changes there, and so looks two
        pixels far.

    Returns:
      `[3, H, W]` unit, in the world, facing the camera; zero for background.

    Raises:
      ValueError: for an unknown fit, or a depth map of another size than the image.

    Source: Rajeswar et al., Pix2Scene, equation (3). The constraint `n_z > 0` becomes
    `N . v > 0`, which is what a camera with perspective sees; residuals are
    relative to the depth of the neighbour.
    """
    if fit not in FITS:
        raise ValueError(f"fit must be one of {FITS}, got {fit!r}")
    valid = is_surface(depth, camera)
    known = _known(depth, camera, 1.0)
    if fit == "sides":
        slope = _slopes_of_sides(known, valid, camera)
    else:
        slope = _slopes(known, valid, camera, fit == "sphere")
    x, y = _own_rays(camera)
    across, up = camera.focal_px[0] * slope[0], camera.focal_px[1] * slope[1]
    normal = jnp.stack([across, up, 1 + across * x + up * y])
    turn = rotation.matrix_from_quaternion(camera.quaternion)[:, :, None, None]
    turned = turn[:, 0] * normal[0] + turn[:, 1] * normal[1] + turn[:, 2] * normal[2]
    return jnp.where(valid, safe_normalize(turned, 0), 0)


def _known(depth: Array, camera: Camera, other: float) -> Array:
    """The depth, or another number for background."""
    if depth.shape != (camera.height, camera.width):
        raise ValueError(
            f"depth must have the shape {(camera.height, camera.width)} of the image, "
            f"got {depth.shape}"
        )
    return jnp.where(is_surface(depth, camera), depth, other)


def _own_rays(camera: Camera) -> tuple[Array, Array]:
    """`[H, W]` x and y of the rays `(x, y, -1)` in the frame of the camera."""
    x, y, _ = ray_planes(camera.replace(quaternion=jnp.array(rotation.IDENTITY)))
    return x, y


def _slopes(depth: Array, valid: Array, camera: Camera, curved: bool) -> Array:
    """`[2, H, W]` solution `(n_x / f_x, n_y / f_y)` of the least squares."""
    near = _neighbours(depth)
    related = (near < depth * _UNRELATED) & (near > depth / _UNRELATED)
    weight = _neighbours(valid) & related
    near = jnp.where(weight, near, depth)
    weight = weight.astype(depth.dtype)
    rho = (depth - near) / near
    inverse = _inverse_moments(weight)
    plane = _times(inverse, _moments(rho))
    if not curved:
        return -plane
    bend = weight * _bend(rho, near / depth, camera)
    moments = _moments(bend)
    shape = _times(inverse, moments)
    square = _total(bend * bend)
    left = square - moments[0] * shape[0] - moments[1] * shape[1]
    enough = left > _LEAST_CURVED * square
    rest = moments[0] * plane[0] + moments[1] * plane[1] - _total(bend * rho)
    curvature = jnp.where(enough, rest / jnp.where(enough, left, 1), 0)
    return -plane - curvature * shape


def _slopes_of_sides(depth: Array, valid: Array, camera: Camera) -> Array:
    """`[2, H, W]` as `_slopes`, from the differences of `1 / d` to either side."""
    focal = camera.focal_px
    across = _slope_along(depth, valid, focal[0])
    up = -_slope_along(depth.T, valid.T, focal[1]).T
    return jnp.stack([across, up])


def _slope_along(depth: Array, valid: Array, focal: Array) -> Array:
    """`[H, W]`, minus the relative slope of `1 / d` along rows, per pixel."""
    inverse, width = 1 / depth, depth.shape[1]

    def at(values, steps):
        return jnp.pad(values, ((0, 0), (2, 2)))[:, 2 + steps :][:, :width]

    total, weights = jnp.zeros_like(depth), jnp.zeros_like(depth)
    for side in (-1, 1):
        is_near = at(valid, side)
        is_far = is_near & at(valid, 2 * side)
        change = jnp.where(is_near, depth * at(inverse, side) - 1, 0)
        beyond = jnp.where(is_far, depth * at(inverse, 2 * side) - 1, 0)
        bend = jnp.where(is_far, focal * (beyond - 2 * change) / _CREASE, 3)
        bend = jnp.clip(bend, -_UNRELATED, _UNRELATED)
        weight = is_near / (1 + bend**2) ** 2
        total, weights = total + side * weight * change, weights + weight
    return -safe_divide(total, weights)


def _bend(rho: Array, ratio: Array, camera: Camera) -> Array:
    """`[8, H, W]`, `|Q_k|^2 / d_k` up to a factor common to all neighbours."""
    x, y = _own_rays(camera)
    steps = jnp.array(NEIGHBOURS, rho.dtype) / camera.focal_px
    i, j = steps[:, 0, None, None], steps[:, 1, None, None]
    bend = ((i - rho * x) ** 2 + (j - rho * y) ** 2 + rho**2) * ratio
    return bend / jax.lax.stop_gradient(jnp.max(bend, 0))


def _neighbours(values: Array) -> Array:
    """`[8, H, W]` values of the neighbours, zero beyond the border."""
    height, width = values.shape
    padded = jnp.pad(values, 1)
    return jnp.stack([padded[1 - j :, 1 + i :][:height, :width] for i, j in NEIGHBOURS])


def _moments(values: Array) -> Array:
    """`[2, H, W]` sums of `i` and `j` times the values of the neighbours."""
    return jnp.stack([_total(values, [k[axis] for k in NEIGHBOURS]) for axis in (0, 1)])


def _total(values: Array, factors=(1,) * 8) -> Array:
    """`[H, W]` weighted sums over the neighbours."""
    return jnp.sum(values * jnp.array(factors, values.dtype)[:, None, None], 0)


def _inverse_moments(weight: Array) -> tuple[Array, Array, Array]:
    """Inverse of the symmetric matrix of second moments: xx, xy, yy.

    Moments are whole numbers. So is their determinant: it is zero or at least one.
    """
    xx, xy, yy = (
        _total(weight, [k[a] * k[b] for k in NEIGHBOURS])
        for a, b in ((0, 0), (0, 1), (1, 1))
    )
    scale = safe_divide(1.0, xx * yy - xy * xy)
    return yy * scale, -xy * scale, xx * scale


def _times(matrix: tuple[Array, Array, Array], vector: Array) -> Array:
    (xx, xy, yy), (x, y) = matrix, vector
    return jnp.stack([xx * x + xy * y, xy * x + yy * y])


def surfels_from_depth(
    depth: Array, albedo: Array, camera: Camera, *, fit: str = "sphere"
) -> Surface:
    """The visible surface of a depth map, for any shader.

    Args:
      depth: `[H, W]` metres along the optical axis.
      albedo: `[H, W, 3]` or `[3]` diffuse reflectance, linear RGB.
      camera: camera of that image.
      fit: see `surfel_normals`.

    Returns:
      `Surface` of `[H, W]` points without texture coordinates; node 0, or -1 for
      background.

    Raises:
      ValueError: for an unknown fit, or a depth map of another size than the image.
    """
    normal = surfel_normals(depth, camera, fit=fit)
    colour = jnp.moveaxis(jnp.broadcast_to(albedo, (*depth.shape, 3)), -1, 0)
    return Surface(
        position=surfel_points(depth, camera),
        normal=normal,
        albedo=colour,
        uv=jnp.zeros_like(normal[:2]),
        view=safe_normalize(-ray_planes(camera), 0),
        node_index=is_surface(depth, camera).astype(jnp.int32) - 1,
    )


def attenuated_lambert(attenuation=INVERSE_SQUARE) -> Shader:
    """Makes the shader of matte surfaces under point lights that fade at any rate.

    `albedo (ambient + sum_p s_p max(0, n . l_p) / (k_c + k_l r_p + k_q r_p^2))`, and
    far lights as in `lambert`.

    Args:
      attenuation: `[3]` factors `k_c`, `k_l` and `k_q`, not negative.

    Returns:
      Shader; zero light, with zero gradient, from a light at the surface itself.

    Source: Rajeswar et al., Pix2Scene, equation (1), which has no `k_c`; their code
    uses it.
    """
    constant, linear, quadratic = attenuation

    def shade(surface: Surface, lights: Lights) -> Array:
        none = lights.replace(position=lights.position[:0], point=lights.point[:0])
        total, num_far = irradiance(surface, none), lights.direction.shape[0]
        for i, (position, strength) in enumerate(
            zip(lights.position, lights.point, strict=True)
        ):
            offset = spread(position, total) - surface.position
            square = dot(offset, offset)
            distance = safe_sqrt(square)
            fading = distance * (constant + linear * distance + quadratic * square)
            cosine = jnp.maximum(dot(surface.normal, offset), 0)
            light = spread(strength, total) * light_share(surface, num_far + i)
            total = total + light * safe_divide(cosine, fading)
        return surface.albedo * total

    return shade


def render_surfels(
    depth: Array,
    albedo: Array,
    camera: Camera,
    lights: Lights,
    *,
    attenuation=INVERSE_SQUARE,
    fit: str = "sphere",
) -> tuple[Array, Surface]:
    """The picture of a depth map: the last layer of a network that predicts depth.

    Args:
      depth: `[H, W]` metres along the optical axis; see the head of the module for
        what counts as background.
      albedo: `[H, W, 3]` or `[3]` diffuse reflectance, linear RGB.
      camera: camera of that image.
      lights: lights, in the world; any number of each kind.
      attenuation: `[3]` factors of constant, linear and squared distance by which
        point lights fade.
      fit: "sphere", "plane" or "sides", see `surfel_normals`.

    Returns:
      `[H, W, 3]` linear RGB, black for background, and the `Surface` with
      `position` and `normal` `[3, H, W]`. Differentiable in every float, to any
      order.

    Raises:
      ValueError: for an unknown fit, or a depth map of another size than the image.
    """
    surface = surfels_from_depth(depth, albedo, camera, fit=fit)
    radiance = attenuated_lambert(attenuation)(surface, lights)
    seen = jnp.where(surface.node_index >= 0, radiance, 0)
    return jnp.moveaxis(seen, 0, -1), surface


__all__ = [
    "FITS",
    "INVERSE_SQUARE",
    "NEIGHBOURS",
    "attenuated_lambert",
    "is_surface",
    "render_surfels",
    "surfel_normals",
    "surfel_points",
    "surfels_from_depth",
]
