#!/usr/bin/env python3
"""Images a second from JPEG to 64x64: this program on all cores against a straight Pillow loop, in turns; and whether both give the same pixels.

Usage: tests/pillow-throughput.py [ROUNDS]   (from the root of the repository, after 'dotnet build -c Release'; needs Pillow, Debian: python3-pil)
"""
import hashlib
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

PROGRAM = ["dotnet", "src/InvFusion.Cli/bin/Release/net10.0/InvFusion.Cli.dll"]
SIZE = 64


def make_images(folder, count):
    """Smooth pictures with grain, of the sizes that ImageNet's photographs often have."""
    for i in range(count):
        rng = random.Random(i)
        width, height = rng.choice([(500, 375), (375, 500), (500, 333), (640, 480), (333, 500)])
        small = Image.frombytes("RGB", (width // 16, height // 16), rng.randbytes(width // 16 * (height // 16) * 3))
        grain = Image.frombytes("RGB", (width, height), rng.randbytes(width * height * 3))
        Image.blend(small.resize((width, height), Image.BICUBIC), grain, 0.05).save(folder / f"{i:05d}.jpg", quality=90)


def adm(image):
    """The centre crop of ADM."""
    while min(image.size) >= 2 * SIZE:
        image = image.resize((image.width // 2, image.height // 2), Image.BOX)
    scale = SIZE / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.BICUBIC)
    left, top = (image.width - SIZE) // 2, (image.height - SIZE) // 2
    return image.crop((left, top, left + SIZE, top + SIZE))


def pillow(files):
    start, processor = time.perf_counter(), time.process_time()
    for file in files:
        with Image.open(file) as image:
            adm(image.convert("RGB"))
    return len(files) / (time.perf_counter() - start), 1000 * (time.process_time() - processor) / len(files)


def ours(folder):
    command = PROGRAM + ["bench", "data", str(folder), "--size", str(SIZE), "--passes", "3", "--json"]
    result = json.loads(subprocess.check_output(command))
    return result["decodeAndResizePerSecond"], result["decodeAndResizeProcessorMilliseconds"]


def same_pixels(folder, files, target):
    command = PROGRAM + ["dataset", "prepare", str(folder), str(target), "--size", str(SIZE), "--json", "--quiet"]
    digest = hashlib.sha256()
    for file in files:
        with Image.open(file) as image:
            digest.update(b"".join(plane.tobytes() for plane in adm(image.convert("RGB")).split()))
    return json.loads(subprocess.check_output(command))["sha256"] == digest.hexdigest()


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "images"
        folder.mkdir()
        make_images(folder, 200)
        files = sorted(folder.iterdir())
        same = same_pixels(folder, files, Path(name) / "set.ifds")
        print("pixels equal to Pillow's:", "yes" if same else "NO", flush=True)
        rows = []
        for i in range(rounds):
            rows.append(ours(folder) + pillow(files))
            print("round {}: ours {:.0f} images a second, {:.2f} ms of a processor each; Pillow {:.0f}, {:.2f} ms".format(i + 1, *rows[-1]), flush=True)
        ratio = statistics.median(row[0] / row[2] for row in rows)
        saving = statistics.median(row[3] / row[1] for row in rows)
        print("medians: ours {:.0f} images a second, {:.2f} ms; Pillow {:.0f}, {:.2f} ms".format(*map(statistics.median, zip(*rows))))
        print(f"ours is {ratio:.2f} times as fast; for one processor's time {saving:.2f} times")
        sys.exit(0 if same and ratio > 1 else 1)


main()
