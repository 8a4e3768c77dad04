"""Checkpoints: a round trip, and errors that name the folder."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.io.checkpoint import load_params, save_params
from ivg.io.errors import InputError


def test_checkpoints_round_trip_and_errors_name_the_folder(tmp_path):
    params = {"a": {"b": jnp.arange(3.0)}, "c": jnp.ones((2, 2))}
    save_params(tmp_path / "x", params)
    found = load_params(tmp_path / "x", params)
    jax.tree.map(np.testing.assert_array_equal, found, params)
    with pytest.raises(InputError, match="no checkpoint"):
        load_params(tmp_path / "nothing", params)
    for other in ({"a": jnp.ones(3)}, {"a": {"b": jnp.ones(4)}, "c": jnp.ones((2, 2))}):
        with pytest.raises(InputError, match="does not fit"):
            load_params(tmp_path / "x", other)


def test_half_precision_is_read_as_what_is_asked_for(tmp_path):
    params = {"w": jnp.linspace(-3.0, 3.0, 50)}
    save_params(tmp_path / "half", params, jnp.float16)
    found = load_params(tmp_path / "half", params)["w"]
    assert found.dtype == jnp.float32
    np.testing.assert_array_equal(found, params["w"].astype(jnp.float16))


def test_a_checkpoint_does_not_tell_where_it_was_made(tmp_path):
    save_params(tmp_path / "x", {"w": jnp.ones(3)})
    files = [path for path in (tmp_path / "x").rglob("*") if path.is_file()]
    assert files and not any(str(tmp_path).encode() in f.read_bytes() for f in files)


def test_what_was_read_is_on_no_device_in_particular(tmp_path):
    made = {"w": jnp.ones(3)}
    save_params(tmp_path / "x", made)
    found = load_params(tmp_path / "x", made)
    assert (found["w"].committed, made["w"].committed) == (False, False)
