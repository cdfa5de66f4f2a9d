#!/usr/bin/env python3
"""Draws lapidary.svg, which is triangles only, as PNG files: make_png.py [--check]

Each pixel is the mean of 8 x 8 samples, so edges are smooth and triangles that touch leave no gap.
With --check nothing is written; the exit code says whether the files are what would be.
"""
import re
import struct
import sys
import zlib
from pathlib import Path

HERE = Path(__file__).parent
SIZES = (16, 24, 32, 48, 64, 128, 256, 512)
SAMPLES = 8


def read_svg():
    text = (HERE / "lapidary.svg").read_text()
    x, y, width, _ = map(float, re.search(r'viewBox="([^"]+)"', text)[1].split())
    shapes = []
    for points, fill in re.findall(r'points="([^"]+)" fill="#(\w{6})"', text):
        corners = [tuple(map(float, p.split(","))) for p in points.split()]
        shapes.append((corners, tuple(bytes.fromhex(fill))))
    return x, y, width, shapes


def inside(corners, px, py):
    signs = []
    for i in range(3):
        (ax, ay), (bx, by) = corners[i], corners[(i + 1) % 3]
        signs.append((bx - ax) * (py - ay) - (by - ay) * (px - ax))
    return all(s >= 0 for s in signs) or all(s <= 0 for s in signs)


def touches(corners, left, top, pixel):
    """False where the triangle's own rectangle lies beside the pixel."""
    xs, ys = zip(*corners)
    return (min(xs) <= left + pixel and max(xs) >= left and
            min(ys) <= top + pixel and max(ys) >= top)


def row_of(size, row, svg):
    x0, y0, width, shapes = svg
    step = width / (size * SAMPLES)
    pixel = width / size
    out = bytearray()
    for column in range(size):
        left, top = x0 + column * pixel, y0 + row * pixel
        square = [(left + dx * pixel, top + dy * pixel) for dx in (0, 1) for dy in (0, 1)]
        # A triangle that holds the corners holds all between them.
        whole = next((c for corners, c in shapes
                      if all(inside(corners, *corner) for corner in square)), None)
        if whole or not any(touches(corners, left, top, pixel) for corners, _ in shapes):
            out += bytes((*(whole or (0, 0, 0)), 255 if whole else 0))
            continue
        total, hits = [0, 0, 0], 0
        for sub in range(SAMPLES * SAMPLES):
            px = x0 + (column * SAMPLES + sub % SAMPLES + 0.5) * step
            py = y0 + (row * SAMPLES + sub // SAMPLES + 0.5) * step
            colour = next((c for corners, c in shapes if inside(corners, px, py)), None)
            if colour:
                hits += 1
                total = [t + c for t, c in zip(total, colour)]
        mean = [round(t / hits) if hits else 0 for t in total]
        out += bytes((*mean, round(255 * hits / SAMPLES**2)))
    return bytes(out)


def png(size, svg):
    rows = b"".join(b"\0" + row_of(size, row, svg) for row in range(size))

    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", zlib.crc32(kind + data)))

    return (b"\x89PNG\r\n\x1a\n" +
            chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def pixels(data):
    """What is compared: another zlib packs the same pixels into other bytes."""
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        packed += data[at + 8:at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    return zlib.decompress(packed)


def main():
    svg = read_svg()
    if "--check" in sys.argv:
        # The large ones take their time, and come from the same lines.
        wrong = [s for s in SIZES if s <= 64 and
                 pixels((HERE / f"{s}.png").read_bytes()) != pixels(png(s, svg))]
        sys.exit(f"these sizes are not what lapidary.svg gives: {wrong}" if wrong else 0)
    for size in SIZES:
        (HERE / f"{size}.png").write_bytes(png(size, svg))


if __name__ == "__main__":
    main()
