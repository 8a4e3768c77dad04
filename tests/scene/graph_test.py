"""The scene graph against explicit products of 4 x 4 matrices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trimesh
from jax.test_util import check_grads
from scipy.spatial.transform import Rotation

from ivg.geometry.camera import make_camera
from ivg.scene import appearance, graph, library, mesh

PARENTS = (-1, 0, 1, 0, -1)


@pytest.fixture(scope="module")
def shapes():
    solids = [trimesh.creation.box(), trimesh.creation.icosphere(1)]
    made = [mesh.make_mesh(s.vertices, s.faces) for s in solids]
    return library.make_library({"box": made[:1], "ball": made[1:]})


def random_nodes(seed=0, parents=PARENTS, mask=None):
    rng = np.random.default_rng(seed)
    n = len(parents)
    position, quaternion = rng.normal(size=(n, 3)), rng.normal(size=(n, 4))
    scale = rng.uniform(0.5, 2, (n, 3))
    return graph.make_nodes(
        np.arange(n) % 2, position, quaternion, scale, mask, parents
    )


def expected_matrices(nodes):
    world = []
    for i, parent in enumerate(nodes.parents):
        local = np.eye(4)
        turn = Rotation.from_quat(np.asarray(nodes.quaternion[i]), scalar_first=True)
        local[:3, :3] = turn.as_matrix() @ np.diag(nodes.scale[i])
        local[:3, 3] = nodes.position[i]
        world.append(local if parent < 0 else world[parent] @ local)
    return np.stack(world)


def make_scene(shapes, nodes):
    return graph.make_scene(shapes, nodes, make_camera(height=4, width=4))


@pytest.mark.parametrize("parents", [PARENTS, (-1, -1), (-1, 0, 1, 2, 3)])
def test_parents_equal_products_of_matrices(parents):
    nodes = random_nodes(1, parents)
    actual = graph.world_from_nodes(nodes)
    np.testing.assert_allclose(actual, expected_matrices(nodes), rtol=1e-4, atol=1e-4)


def test_parents_have_gradients():
    with jax.enable_x64(True):
        nodes = random_nodes(2)
        function = lambda *x: graph.world_from_nodes(  # noqa: E731
            nodes.replace(position=x[0], quaternion=x[1], scale=x[2])
        )
        arguments = nodes.position, nodes.quaternion, nodes.scale
        check_grads(function, arguments, order=1, modes=("fwd", "rev"))


@pytest.mark.parametrize("mirror", [1, -1])
def test_normals_equal_inverse_transpose(mirror):
    rng = np.random.default_rng(3)
    matrix = np.eye(4)
    matrix[:3] = rng.normal(size=(3, 4))
    matrix[:3, :3] *= mirror * np.sign(np.linalg.det(matrix[:3, :3]))
    normals = rng.normal(size=(10, 3))
    expected = normals @ np.linalg.inv(matrix[:3, :3])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    actual = graph.transform_normals(jnp.asarray(matrix), jnp.asarray(normals))
    np.testing.assert_allclose(actual, expected, atol=1e-4)
    assert bool(graph.is_mirror(jnp.asarray(matrix))) == (mirror < 0)


def test_normals_of_singular_maps_are_finite():
    flat = jnp.diag(jnp.array([1.0, 0.0, 1.0, 1.0]))
    normals = jnp.eye(3)
    np.testing.assert_allclose(graph.transform_normals(flat, normals)[1], [0, 1, 0])
    for matrix in (flat, jnp.zeros((4, 4))):
        jacobian = jax.jacrev(graph.transform_normals)(matrix, normals)
        assert jnp.all(jnp.isfinite(jacobian))


def test_world_mesh(shapes):
    nodes = random_nodes(4, mask=[True, False, True, True, True])
    world = graph.world_mesh(make_scene(shapes, nodes))
    matrices = expected_matrices(nodes)
    faces_per_node = shapes.mesh.faces.shape[1]
    vertices_per_node = shapes.mesh.vertices.shape[1]
    for n in range(5):
        here = slice(n * faces_per_node, (n + 1) * faces_per_node)
        mask = np.asarray(world.face_mask)[here]
        shape = library.get_shape(shapes, nodes.shape_id[n])
        expected_mask = np.asarray(shape.face_mask) & bool(nodes.mask[n])
        np.testing.assert_array_equal(mask, expected_mask)
        solid = np.asarray(shape.vertices)[np.asarray(shape.faces)]
        expected = solid @ matrices[n, :3, :3].T + matrices[n, :3, 3]
        actual = np.asarray(world.vertices)[np.asarray(world.faces)[here]]
        np.testing.assert_allclose(actual, expected, atol=1e-4)
        rows = slice(
            n * shapes.mesh.edges.shape[1], (n + 1) * shapes.mesh.edges.shape[1]
        )
        edges = np.asarray(world.edges)[rows]
        assert np.all(edges[:, :2] // vertices_per_node == n)
        assert np.all((edges[:, 2:] < 0) | (edges[:, 2:] // faces_per_node == n))
        assert np.all(graph.node_of_rows(len(world.faces), 5)[here] == n)
    lengths = np.linalg.norm(world.normals, axis=1)[np.asarray(world.vertex_mask)]
    np.testing.assert_allclose(lengths, 1, atol=1e-5)


@pytest.mark.parametrize("scale", [(1, 1, 1), (-1, 1, 1), (-1, -2, -1), (-1, -1, 1)])
def test_faces_and_normals_of_mirrored_nodes_point_outward(shapes, scale):
    nodes = graph.make_nodes([1], scale=[scale])
    world = graph.world_mesh(make_scene(shapes, nodes))
    corners = np.asarray(world.vertices)[np.asarray(world.faces)]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert np.all(np.sum(across * corners.mean(1), 1) > 0)
    mask = np.asarray(world.vertex_mask)
    assert np.all(np.sum(world.normals * world.vertices, 1)[mask] > 0)


def test_vmap_over_scenes_equals_loop(shapes):
    scenes = [make_scene(shapes, random_nodes(s)) for s in range(3)]
    looped = [graph.world_mesh(s) for s in scenes]
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *scenes)
    batched = jax.jit(jax.vmap(graph.world_mesh))(stacked)
    expected = jax.tree.map(lambda *x: jnp.stack(x), *looped)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), batched, expected
    )


@pytest.mark.parametrize("parents", [(0,), (-1, 2, 0), (-2,), (-1, -1)])
def test_parents_out_of_order(parents):
    with pytest.raises(ValueError, match="must come before"):
        graph.make_nodes([0] * (3 if len(parents) == 3 else 1), parents=parents)


@pytest.mark.parametrize("field", ["position", "quaternion", "scale"])
def test_nodes_of_wrong_shape(field):
    with pytest.raises(ValueError, match="roadcast"):
        graph.make_nodes([0, 1], **{field: np.ones((3, 2))})


def test_defaults():
    nodes = graph.make_nodes([0, 1], scale=2.0)
    np.testing.assert_array_equal(nodes.scale, np.full((2, 3), 2))
    assert nodes.parents == (-1, -1) and nodes.mask.all()
    lights = appearance.make_lights(0.5)
    assert lights.ambient.shape == (3,) and lights.direction.shape == (0, 3)
