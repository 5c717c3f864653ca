import subprocess
import sys

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from pytensor.compile.ops import wrap_py
from scipy import stats
from scipy.special import comb

from posterity.errors import ModelError
from posterity.sampling.export import export_density
from tests.sampling.models import covariance, eight_schools


def test_value_and_gradient_of_a_normal_are_exact(density):
    normal, x = density("correlated_normal"), np.linspace(-2, 3, 50)
    value, gradient = normal.value_and_grad(x)
    mean = np.arange(1.0, 51)
    assert value == pytest.approx(stats.multivariate_normal(mean, covariance()).logpdf(x), rel=1e-12)
    np.testing.assert_allclose(gradient, -np.linalg.solve(covariance(), x - mean), rtol=1e-8)


def test_the_gradient_of_a_binomial_model_is_the_slope_of_its_value(density):
    model, rng = density("binomial_groups"), np.random.default_rng(1)
    x = model.initial + rng.normal(0, 0.5, model.dimension)
    _, gradient = model.value_and_grad(x)
    for direction in rng.normal(size=(5, model.dimension)):
        step = 1e-5 * direction
        slope = (model.value_and_grad(x + step)[0] - model.value_and_grad(x - step)[0]) / 2e-5
        assert gradient @ direction == pytest.approx(slope, rel=1e-6)


def test_the_value_of_a_binomial_model_is_that_of_its_distributions():
    n, late, rng = np.array([5, 80, 3]), np.array([0, 80, 1]), np.random.default_rng(2)
    with pm.Model() as model:
        eta = pm.Normal("eta", 0, 2, shape=3)
        pm.Binomial("late", n, logit_p=eta, observed=late)
    exported = export_density(model)
    for x in rng.normal(0, 6, (20, 3)):
        # scipy's own binomial loses digits where the probability rounds to 1
        likelihood = np.log(comb(n, late)) + late * x - n * np.logaddexp(0, x)
        expected = stats.norm(0, 2).logpdf(x).sum() + likelihood.sum()
        assert exported.value_and_grad(x)[0] == pytest.approx(expected, abs=1e-8)  # PyMC's constant is 6e-9 off


def test_constrained_parameters_have_the_names_shapes_and_labels_of_the_model(density):
    schools = density("eight_schools")
    assert {item.name: item.shape for item in schools.parameters} == {"mu": (), "tau": (), "z": (8,), "theta": (8,)}
    assert schools.dims == {"z": ("school",), "theta": ("school",)}
    assert schools.coords == {"school": list("ABCDEFGH")}
    x = np.array([1.0, np.log(3.0), *np.arange(8.0)])
    assert [item.name for item in schools.free] == ["mu", "tau_log__", "z"]
    values = schools.constrain(x)
    assert values["tau"] == pytest.approx(3.0)
    np.testing.assert_allclose(values["theta"], 1 + 3 * np.arange(8.0))


def test_the_same_model_gives_the_same_bytes(density):
    assert export_density(eight_schools()).to_bytes() == density("eight_schools").to_bytes()


@pytest.mark.slow
def test_the_same_model_gives_the_same_bytes_in_another_process(density):
    code = (
        "from posterity.sampling.export import export_density; from tests.sampling.models import eight_schools; "
        "print(export_density(eight_schools()).digest)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.split()[-1] == density("eight_schools").digest


def test_data_are_part_of_the_digest(density):
    with pm.Model() as model:
        pm.Normal("x", 0, 1)
    with pm.Model() as other:
        pm.Normal("x", 0, 1.0000001)
    assert export_density(model).digest != export_density(other).digest


def test_a_data_container_becomes_a_constant():
    with pm.Model() as model:
        mean = pm.Data("mean", [1.0, 2.0])
        pm.Normal("x", mean, 1)
    value, _ = export_density(model).value_and_grad(np.array([1.0, 2.0]))
    assert value == pytest.approx(-np.log(2 * np.pi))


def test_an_operation_that_jax_does_not_have_is_named():
    @wrap_py(itypes=[pt.dscalar], otypes=[pt.dscalar])
    def staircase(x):
        return np.floor(x)

    with pm.Model() as model:
        x = pm.Normal("x")
        pm.Potential("p", staircase(x))
    with pytest.raises(ModelError, match=r"operation FromFunctionOp\{staircase\}"):
        export_density(model)


def test_a_shape_that_depends_on_values_is_refused():
    with pm.Model() as model:
        x = pm.Normal("x", shape=4)
        pm.Potential("p", pt.sort(x[x > 0])[0])
    with pytest.raises(ModelError, match="use where instead of a mask"):
        export_density(model)


def test_a_discrete_variable_is_named():
    with pm.Model() as model:
        pm.Normal("x")
        pm.Poisson("arrivals", 3)
    with pytest.raises(ModelError, match="arrivals: discrete free variables"):
        export_density(model)


def test_a_model_without_free_variables_is_refused():
    with pm.Model() as model:
        pm.Normal("x", 0, 1, observed=[1.0])
    with pytest.raises(ModelError, match="no free variables"):
        export_density(model)


def test_data_outside_the_support_are_named():
    with pm.Model() as model:
        p = pm.Beta("p", 1, 1)
        pm.Binomial("cancelled", 5, p, observed=6)
        pm.Binomial("fine", 5, p, observed=5)
    with pytest.raises(ModelError, match=r"start is -inf: cancelled \(-inf\);"):
        export_density(model)


def test_a_term_that_is_not_a_number_is_named():
    with pm.Model() as model:
        x = pm.Normal("x")
        pm.Potential("root", pt.sqrt(-1 - x**2))
    with pytest.raises(ModelError, match=r"root \(nan\)"):
        export_density(model)


def test_a_gradient_that_is_not_finite_is_named():
    with pm.Model() as model:
        x = pm.Normal("x", initval=0.0)
        pm.Normal("y")
        pm.Potential("root", -pt.sqrt(pt.abs(x)))
    with pytest.raises(ModelError, match="with respect to x is not finite"):
        export_density(model)
