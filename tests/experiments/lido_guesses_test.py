"""Pairs of guessed and true objects, and the numbers of nodes that follow."""

import numpy as np

from experiments.lido.evaluate import true_nodes
from experiments.lido.guesses import in_chunks, pair_objects

NAN = np.full(3, np.nan)


def test_pairs_are_near_of_one_class_and_used_once():
    true = np.array([[0, 10, 10], [0, 30, 10], [1, 12, 10], NAN])
    guessed = np.array([[0, 14, 10], [0, 11, 10], [1, 60, 60], [1, 12, 14], NAN])
    pairs = pair_objects(guessed, true, 25.0)
    np.testing.assert_array_equal(pairs, [0, 1, -1, 2, -1])
    np.testing.assert_array_equal(pair_objects(guessed, true, 3.9), [-1, 0, -1, -1, -1])


def test_nodes_are_those_of_the_guesses():
    index = np.array([[[-1, 0], [1, 2]], [[3, 3], [0, 1]]])
    pairs = np.array([[1, -1, 0], [-1, -1, 2]])
    nodes = true_nodes(index, pairs)
    np.testing.assert_array_equal(nodes[0], [[-1, 0], [3, 1]])
    np.testing.assert_array_equal(nodes[1], [[3, 3], [0, -2]])


def test_chunks_join_to_the_whole():
    values = np.arange(7.0)
    found = in_chunks(lambda x: {"double": 2 * x}, values, chunk=3)
    np.testing.assert_array_equal(found["double"], 2 * values)
