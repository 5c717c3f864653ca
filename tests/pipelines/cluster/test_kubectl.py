import pytest

from pipelines.cluster.kubectl import kubectl
from posterity.errors import RefusedError, UnavailableError


def test_a_missing_kubectl_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECTL", "/nowhere/kubectl --context kind-posterity")
    with pytest.raises(RefusedError, match=r"/nowhere/kubectl cannot be run .*install kubectl"):
        kubectl("version")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("The connection to the server 127.0.0.1:6443 was refused", UnavailableError),
        ('Error from server (NotFound): namespaces "x" not found', RefusedError),
    ],
)
def test_what_it_complains_about_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, said: str, kind: type[Exception]
) -> None:
    monkeypatch.setenv("KUBECTL", f"sh -c 'echo \"$0\" >&2; exit 1' '{said}'")
    with pytest.raises(kind, match=said.split()[0]) as refused:
        kubectl("get", "pods")
    assert said in str(refused.value)
