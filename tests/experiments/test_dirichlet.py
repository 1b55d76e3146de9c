"""The fit of a Dirichlet distribution: optimality, invariances, known parameters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import digamma
from scipy.stats import dirichlet

from experiments.probability.dirichlet_fit import dirichlet_fit
from steepest import InputError


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 12), st.integers(2, 60), st.floats(-3, 5), st.integers(0, 10**6))
def test_the_means_of_logarithms_are_those_of_the_distribution(k, n, scale, seed):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.exp(scale) * rng.uniform(0.3, 3, k), n)
    p = np.maximum(p, 1e-12) / np.maximum(p, 1e-12).sum(axis=1, keepdims=True)
    fit = dirichlet_fit(p)
    assert fit.status.ok
    assert fit.iterations <= 60
    found = digamma(fit.alpha) - digamma(fit.alpha.sum())
    np.testing.assert_allclose(found, np.log(p).mean(axis=0), rtol=1e-8, atol=1e-10)


def test_parameters_are_recovered_and_the_likelihood_is_scipys():
    alpha = np.array([0.4, 2.0, 7.0])
    p = np.random.default_rng(0).dirichlet(alpha, 20000)
    fit = dirichlet_fit(p)
    np.testing.assert_allclose(fit.alpha, alpha, rtol=0.03)
    mean = np.mean([dirichlet.logpdf(row, fit.alpha) for row in p[:500]])
    part = dirichlet_fit(p[:500])
    assert part.log_likelihood >= mean
    own = np.mean([dirichlet.logpdf(row, part.alpha) for row in p[:500]])
    assert part.log_likelihood == pytest.approx(own, rel=1e-9)


def test_weights_are_repetitions_and_components_have_no_order():
    p = np.random.default_rng(1).dirichlet([1, 2, 3, 4], 10)
    times = np.arange(1, 11)
    weighted = dirichlet_fit(p, weights=times)
    repeated = dirichlet_fit(np.repeat(p, times, axis=0))
    np.testing.assert_allclose(weighted.alpha, repeated.alpha, rtol=1e-8)
    order = [2, 0, 3, 1]
    turned = dirichlet_fit(p[:, order], weights=times)
    np.testing.assert_allclose(turned.alpha, weighted.alpha[order], rtol=1e-8)


@pytest.mark.parametrize(
    ("p", "message"),
    [
        ([0.5, 0.5], "shape"),
        ([[0.0, 1.0]], "positive"),
        ([[0.5, 0.6], [0.5, 0.5]], "sum 1.1"),
        ([[0.5, 0.5], [0.5, 0.5]], "equal rows"),
        ([[np.nan, 0.5]], "finite"),
    ],
)
def test_bad_input_is_named(p, message):
    with pytest.raises(InputError, match=message):
        dirichlet_fit(p)
