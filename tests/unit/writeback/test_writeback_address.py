import ipaddress

import pytest

from services.writeback.address import AddressRefused, NameUnresolved, is_allowed, resolve

PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "::1", "fe80::1",
    "fd00:ec2::254", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
]  # fmt: skip
NEVER = ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "::ffff:0.0.0.0"]  # noqa: S104
PUBLIC = ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14"]


@pytest.mark.parametrize("address", PRIVATE)
def test_the_private_network_is_reached_only_when_allowed(address: str) -> None:
    ip = ipaddress.ip_address(address)
    assert not is_allowed(ip, allow_private=False, encrypted=True)
    assert is_allowed(ip, allow_private=True, encrypted=False)


@pytest.mark.parametrize("address", NEVER)
def test_what_is_no_single_host_is_never_reached(address: str) -> None:
    assert not is_allowed(ipaddress.ip_address(address), allow_private=True, encrypted=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_reached_encrypted_only(address: str) -> None:
    ip = ipaddress.ip_address(address)
    assert is_allowed(ip, allow_private=False, encrypted=True)
    assert not is_allowed(ip, allow_private=True, encrypted=False)


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f000001", "2130706433"])
def test_no_spelling_of_loopback_gets_through(host: str) -> None:
    with pytest.raises((AddressRefused, NameUnresolved)):
        resolve(host, 80, allow_private=False, encrypted=True)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 64 + ".example"])
def test_a_name_that_leads_nowhere_is_told_apart(host: str) -> None:
    with pytest.raises(NameUnresolved):
        resolve(host, 443, allow_private=False, encrypted=True)
