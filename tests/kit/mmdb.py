"""Writes small databases in MaxMind's format (version 2.0 of its specification): networks to countries."""
import ipaddress
import struct

EMPTY = None
UINT16, UINT32, UINT64 = 5, 6, 9


def _control(kind, size):
    """The bytes in front of a value: its type and how long it is (below 285)."""
    first = min(size, 29)
    head = bytes([(kind << 5) | first]) if kind < 8 else bytes([first, kind - 7])
    return head + (bytes([size - 29]) if size >= 29 else b"")


def _encode(value):
    if isinstance(value, str):
        data = value.encode()
        return _control(2, len(data)) + data
    if isinstance(value, dict):
        return _control(7, len(value)) + b"".join(_encode(name) + _encode(one) for name, one in value.items())
    if isinstance(value, list):
        return _control(11, len(value)) + b"".join(map(_encode, value))
    number, kind = value
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return _control(kind, len(data)) + data


def database(networks):
    """{"203.0.113.0/24": "CH", ...} -> the bytes of a database."""
    tree = [[EMPTY, EMPTY]]
    data, places = b"", {}
    for text, country in networks.items():
        if country not in places:
            places[country] = len(data)
            data += _encode({"country": {"iso_code": country}})
        network = ipaddress.ip_network(text)
        bits = int(network.network_address)  # IPv4 stands at ::/96
        length = network.prefixlen + (96 if network.version == 4 else 0)
        node = 0
        for depth in range(length):
            bit = bits >> (127 - depth) & 1
            if depth == length - 1:
                tree[node][bit] = ("data", places[country])
            elif not isinstance(tree[node][bit], int):
                tree.append([EMPTY, EMPTY])
                tree[node][bit] = len(tree) - 1
            if depth < length - 1:
                node = tree[node][bit]
    count = len(tree)

    def record(value):
        number = count if value is EMPTY else value if isinstance(value, int) else value[1] + count + 16
        return struct.pack(">I", number)[1:]

    # Numbers with their types: readers ask for exactly these.
    meta = {"node_count": (count, UINT32), "record_size": (24, UINT16), "ip_version": (6, UINT16),
            "database_type": "Test-Country", "languages": ["en"], "binary_format_major_version": (2, UINT16),
            "binary_format_minor_version": (0, UINT16), "build_epoch": (1700000000, UINT64),
            "description": {"en": "made by a test"}}
    return (b"".join(record(left) + record(right) for left, right in tree) + bytes(16) + data +
            b"\xab\xcd\xefMaxMind.com" + _encode(meta))
