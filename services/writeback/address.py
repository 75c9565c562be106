"""Which addresses may be connected to: a name must not lead into the private network unasked."""

import ipaddress
import socket
from typing import Final

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class AddressRefused(Exception):
    """The name leads to an address that is not allowed."""


class NameUnresolved(Exception):
    """The name leads nowhere now."""


def resolve(host: str, port: int, *, allow_private: bool, encrypted: bool) -> list[str]:
    """The addresses of `host`, best first, to connect to as they are: asking again could give others.

    Raises NameUnresolved; AddressRefused when one of them is not `is_allowed`.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NameUnresolved from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not all(
        is_allowed(ipaddress.ip_address(address), allow_private=allow_private, encrypted=encrypted)
        for address in addresses
    ):
        raise AddressRefused
    return addresses


def is_allowed(address: IpAddress, *, allow_private: bool, encrypted: bool) -> bool:
    """Public addresses by TLS only; private, loopback and link-local ones when allowed.

    Metadata services of clouds are among the link-local and private ones.
    """
    target = _embedded(address)
    if target.is_multicast or target.is_unspecified:
        return False
    if target.is_global and not target.is_reserved:
        return encrypted
    return allow_private


def _embedded(address: IpAddress) -> IpAddress:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address
