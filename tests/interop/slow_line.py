#!/usr/bin/env python3
"""A slow, lossy line between two network namespaces, each with one end as a TUN device.

    slow_line.py NEAR FAR --rate BITS --delay SECONDS --loss SHARE [--seed N]

Makes the namespaces, gives NEAR the address 10.77.0.1 and FAR 10.77.0.2, says "line ready", and
carries packets until standard input ends; then the namespaces are gone. Each way a packet waits
for those before it (RATE), is lost with the probability LOSS, and arrives DELAY later. What the
kernel's `tc netem` does, for kernels built without it.
"""

import argparse
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x0001 | 0x1000
# Packets that wait in one direction; what comes beyond is dropped, as by any router.
QUEUE = 64


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


def end(namespace, own, other):
    """A TUN device in a namespace; gives its file."""
    device = f"{namespace}-l"[:15]
    file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN_NO_PI))
    ip("netns", "add", namespace)
    ip("link", "set", device, "netns", namespace)
    ip("-n", namespace, "link", "set", "lo", "up")
    ip("-n", namespace, "address", "add", own, "peer", other, "dev", device)
    ip("-n", namespace, "link", "set", device, "mtu", "1400", "up")
    return file


def carry(ends, rate, delay, loss, chance):
    """Carries packets both ways until standard input ends."""
    free = [0.0, 0.0]  # when each direction has sent what waits
    under_way = []
    number = 0
    while True:
        now = time.monotonic()
        while under_way and under_way[0][0] <= now:
            _, _, to, packet = heapq.heappop(under_way)
            try:
                os.write(ends[to], packet)
            except OSError:
                pass  # the other end is not up
        wait = max(0.0, under_way[0][0] - now) if under_way else None
        readable, _, _ = select.select([sys.stdin, *ends], [], [], wait)
        if sys.stdin in readable and not sys.stdin.buffer.read1():
            return
        for way, file in enumerate(ends):
            if file not in readable:
                continue
            try:
                packet = os.read(file, 65536)
            except BlockingIOError:
                continue
            now = time.monotonic()
            if free[way] - now > QUEUE * 1400 * 8 / rate:
                continue
            free[way] = max(free[way], now) + len(packet) * 8 / rate
            if chance.random() >= loss:
                number += 1
                heapq.heappush(under_way, (free[way] + delay, number, 1 - way, packet))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("near")
    parser.add_argument("far")
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--delay", type=float, required=True)
    parser.add_argument("--loss", type=float, required=True)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    try:
        ends = [end(told.near, "10.77.0.1", "10.77.0.2"), end(told.far, "10.77.0.2", "10.77.0.1")]
        print("line ready", flush=True)
        carry(ends, told.rate, told.delay, told.loss, random.Random(told.seed))
    finally:
        for namespace in (told.near, told.far):
            subprocess.run(["ip", "netns", "delete", namespace], stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
