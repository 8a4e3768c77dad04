"""Visibility and depth against embree's ray caster, for every family of shapes.

Compared are the pixels whose centre lies more than half a pixel from any projected
edge: nearer, the two may differ by rounding.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trimesh
from trimesh.ray.ray_pyembree import RayMeshIntersector

from ivg.geometry.camera import homogeneous_px, look_at, pixel_centres, ray_directions
from ivg.render.fragments import face_planes, make_fragments
from ivg.render.visibility import BACKENDS, visibility
from ivg.scene.shapes.families import primitive_library, tabletop_library

pytestmark = pytest.mark.usefixtures("compile_quickly")

SIZE, NUM_CAMERAS = 64, 10


@pytest.fixture(scope="module")
def shapes():
    found = {}
    for library in (tabletop_library(), primitive_library()):
        meshes = jax.tree.map(np.asarray, library.mesh)
        for i, name in enumerate(library.class_names):
            if name != "ground":
                first = sum(library.class_sizes[:i])
                found[name] = jax.tree.map(lambda x, first=first: x[first], meshes)
    num_vertices = max(len(mesh.vertices) for mesh in found.values())
    num_faces = max(len(mesh.faces) for mesh in found.values())
    return {name: pad(mesh, num_vertices, num_faces) for name, mesh in found.items()}


def pad(mesh, num_vertices, num_faces):
    """The mesh with as many vertices and faces as all others, for one program."""

    def longer(x, count):
        return np.pad(x, [(0, count - len(x))] + [(0, 0)] * (x.ndim - 1))

    return mesh.replace(
        vertices=longer(mesh.vertices, num_vertices),
        vertex_mask=longer(mesh.vertex_mask, num_vertices),
        faces=longer(mesh.faces, num_faces),
        face_mask=longer(mesh.face_mask, num_faces),
    )


FAMILIES = (
    "mug", "banana", "stapler", "box", "sphere", "cylinder", "cone", "torus", "plane",
)  # fmt: skip


def cameras(mesh, seed=0):
    """Cameras around a mesh, that show all of it or a part."""
    rng = np.random.default_rng(seed)
    vertices = np.asarray(mesh.vertices)[np.asarray(mesh.vertex_mask)]
    centre, radius = vertices.mean(0), np.ptp(vertices, axis=0).max()
    direction = rng.normal(size=(NUM_CAMERAS, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    eyes = centre + direction * radius * rng.uniform(0.9, 2.5, (NUM_CAMERAS, 1))
    targets = centre + rng.normal(size=(NUM_CAMERAS, 3)) * 0.1 * radius
    return place(jnp.asarray(eyes, jnp.float32), jnp.asarray(targets, jnp.float32))


@jax.jit
@jax.vmap
def place(eye, target):
    return look_at(eye, target, height=SIZE, width=SIZE)


@functools.partial(jax.jit, static_argnames="backend")
def render(vertices, faces, face_mask, views, backend):
    def one(camera):
        corners = homogeneous_px(camera, vertices)
        index = visibility(
            corners, faces, face_mask, near=camera.near, height=SIZE, width=SIZE,
            backend=backend,
        )  # fmt: skip
        planes = face_planes(corners, faces, SIZE, SIZE)
        fragments = make_fragments(*planes, index)
        return corners, index[0], fragments.depth[0]

    return jax.vmap(one)(views)


def rendered(mesh, views, backend):
    found = render(mesh.vertices, mesh.faces, mesh.face_mask, views, backend)
    return [np.asarray(x) for x in found]


PIXELS = pixel_centres(SIZE, SIZE).reshape(-1, 2)
rays_of = jax.jit(jax.vmap(lambda camera: ray_directions(camera, PIXELS)))


def cast(mesh, views):
    """First hit of the rays through all pixel centres: hit or not, and depth."""
    solid = trimesh.Trimesh(
        np.asarray(mesh.vertices),
        np.asarray(mesh.faces)[np.asarray(mesh.face_mask)],
        process=False,
    )
    caster = RayMeshIntersector(solid)
    depths = np.zeros((NUM_CAMERAS, SIZE * SIZE))
    for i, rays in enumerate(np.asarray(rays_of(views), np.float64)):
        origins = np.broadcast_to(np.asarray(views.position[i]), rays.shape)
        points, ray, _ = caster.intersects_location(origins, rays, multiple_hits=False)
        along = np.einsum("ij,ij->i", points - origins[ray], rays[ray])
        depths[i, ray] = along / np.einsum("ij,ij->i", rays[ray], rays[ray])
    return depths.reshape(NUM_CAMERAS, SIZE, SIZE)


def edge_distance(vertices, faces):
    """Distance of every pixel centre from the nearest projected edge, in pixels."""
    xy = vertices[:, :2] / vertices[:, 2:]
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    pairs = np.unique(np.sort(pairs, 1), axis=0)
    centres = np.asarray(PIXELS)
    nearest = np.full(len(centres), np.inf)
    for start in range(0, len(pairs), 256):
        p, q = (xy[pairs[start : start + 256, i]] for i in range(2))
        along = q - p
        offset = centres[:, None] - p
        squared = np.maximum(np.sum(along**2, -1), 1e-12)
        t = np.clip(np.sum(offset * along, -1) / squared, 0, 1)
        distance = np.linalg.norm(offset - t[..., None] * along, axis=-1)
        nearest = np.minimum(nearest, distance.min(1))
    return nearest.reshape(SIZE, SIZE)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_agrees_with_embree(shapes, family):
    mesh = shapes[family]
    views = cameras(mesh)
    true_depth = cast(mesh, views)
    results = {backend: rendered(mesh, views, backend) for backend in BACKENDS}
    faces = np.asarray(mesh.faces)[np.asarray(mesh.face_mask)]
    vertices = results["cpu"][0]
    distance = np.stack([edge_distance(v, faces) for v in vertices])
    clear = distance > 0.5
    for backend, (_, index, depth) in results.items():
        same = (index >= 0) == (true_depth > 0)
        error = np.abs(depth - true_depth) / np.maximum(true_depth, 1e-6)
        agree = np.mean((same & (error < 1e-4))[clear])
        print(f"{family} {backend}: {100 * agree:.3f} % of {clear.sum()} clear pixels")
        assert agree >= 0.999
    _compare_backends(family, results, distance)


def _compare_backends(family, results, distance):
    """Equal but at pixel centres on an edge and where two faces are equally far."""
    (_, one, depth_one), (_, two, depth_two) = results["cpu"], results["reference"]
    differs = one != two
    print(f"{family}: backends agree on {100 * (1 - differs.mean()):.4f} % of pixels")
    assert differs.mean() <= 0.0005
    on_edge = distance < 1e-3
    tied = (one >= 0) & (two >= 0) & np.isclose(depth_one, depth_two, rtol=1e-4)
    assert np.all(on_edge[differs] | tied[differs])
