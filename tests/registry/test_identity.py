import getpass
import socket

from posterity.registry.identity import who


def test_it_is_the_user_of_this_machine():
    assert who() == f"{getpass.getuser()}@{socket.gethostname()}"


def test_a_user_without_a_name_is_a_number(monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_294_000)
    assert who() == f"uid-4294000@{socket.gethostname()}"
