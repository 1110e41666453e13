# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads the screenshots of a browser: 8 bits a channel, RGB or RGBA, not interlaced."""
import pathlib
import struct
import zlib


def _unfilter(kind, line, above, step):
    for i in range(len(line)):
        left = line[i - step] if i >= step else 0
        up = above[i]
        corner = above[i - step] if i >= step else 0
        if kind == 1:
            value = left
        elif kind == 2:
            value = up
        elif kind == 3:
            value = (left + up) // 2
        elif kind == 4:
            guess = left + up - corner
            value = min((left, up, corner), key=lambda c: abs(guess - c))
        else:
            value = 0
        line[i] = (line[i] + value) & 0xff


def colours(path):
    """(width, height, {(r, g, b): pixels})"""
    data = pathlib.Path(path).read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed, head = 8, b"", None
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            head = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            packed += body
        at += length + 12
    width, height, depth, form, _, _, interlaced = head
    assert depth == 8 and form in (2, 6) and not interlaced
    step = 3 if form == 2 else 4
    raw = zlib.decompress(packed)
    above, found = bytearray(width * step), {}
    for y in range(height):
        begin = y * (width * step + 1)
        line = bytearray(raw[begin + 1:begin + 1 + width * step])
        _unfilter(raw[begin], line, above, step)
        above = line
        for x in range(0, len(line), step):
            pixel = (line[x], line[x + 1], line[x + 2])
            found[pixel] = found.get(pixel, 0) + 1
    return width, height, found
