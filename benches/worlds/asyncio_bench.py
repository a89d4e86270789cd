"""The study's workloads under asyncio, and under uvloop if it is installed. See benches/worlds/run.

usage: asyncio_bench.py LAUNCH SLICES MILLISECONDS

Prints rows as CSV, without their head: so many slices of about so many milliseconds for each loop at each workload. The
loops take turns. What an iteration starts is awaited within it, and every result is checked.
"""

import asyncio
import csv
import platform
import sys
from time import perf_counter_ns

try:
    import uvloop
except ImportError:
    uvloop = None

CONNECTIONS = 64
MESSAGE_BYTES = 64


def sum_below(count):
    return count * (count - 1) // 2


def check(found, expected):
    if found != expected:
        raise AssertionError(f"{found} came out, not {expected}")


async def ready(number):
    return number


def fresh(run, iterations):
    """Iterations are whole lives of a loop."""
    start = perf_counter_ns()
    total = 0
    for number in range(iterations):
        total += run(ready(number))
    time = perf_counter_ns() - start
    check(total, sum_below(iterations))
    return time


def driven(work):
    """The work is driven by a task, which tells how long it took."""
    return lambda run, iterations: run(work(iterations))


async def spawn_await(iterations):
    start = perf_counter_ns()
    total = 0
    for number in range(iterations):
        total += await asyncio.create_task(ready(number))
    time = perf_counter_ns() - start
    check(total, sum_below(iterations))
    return time


def batch(task, tasks):
    """Iterations are batches of tasks, each of which gives back its number."""

    async def work(iterations):
        start = perf_counter_ns()
        for _ in range(iterations):
            check(sum(await asyncio.gather(*map(task, range(tasks)))), sum_below(tasks))
        return perf_counter_ns() - start

    return driven(work)


def yields(times):
    async def task(number):
        for _ in range(times):
            await asyncio.sleep(0)
        return number

    return task


async def pair(number):
    pings, pongs = asyncio.Queue(1), asyncio.Queue(1)
    partner = asyncio.create_task(answer(pings, pongs))
    await pings.put(number)
    answered = await pongs.get() - 1
    await partner
    return answered


async def answer(pings, pongs):
    await pongs.put(await pings.get() + 1)


async def tcp_echo(iterations):
    """Iterations are messages, one over each connection. The connections are made and closed outside of the time."""
    handlers = []

    async def echo(reader, writer):
        handlers.append(asyncio.current_task())
        while message := await reader.read(MESSAGE_BYTES):
            writer.write(message)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    streams = [await asyncio.open_connection(host, port) for _ in range(CONNECTIONS)]
    start = perf_counter_ns()
    asking = (ask(*stream, number, iterations) for number, stream in enumerate(streams))
    answers = sum(await asyncio.gather(*asking))
    time = perf_counter_ns() - start
    check(answers, CONNECTIONS * iterations)
    for _, writer in streams:
        writer.close()
        await writer.wait_closed()
    await asyncio.gather(*handlers)
    server.close()
    await server.wait_closed()
    return time


async def ask(reader, writer, connection, messages):
    """Sends messages, each when the one before has come back, and counts them."""
    answers = 0
    for number in range(messages):
        message = ((number << 8) + connection).to_bytes(MESSAGE_BYTES, "little")
        writer.write(message)
        await writer.drain()
        check(await reader.readexactly(MESSAGE_BYTES), message)
        answers += 1
    return answers


# Group, workload, operations per iteration, what is measured.
WORKLOADS = [
    ("fresh_loop", "empty", 1, fresh),
    ("spawn_latency", "worker", 1, driven(spawn_await)),
    ("gather_throughput", "ready_1000", 1_000, batch(ready, 1_000)),
    ("gather_throughput", "ready_100000", 100_000, batch(ready, 100_000)),
    ("yield_now", "tasks_200", 200 * 1_000, batch(yields(1_000), 200)),
    ("ping_pong", "pairs_1000", 1_000, batch(pair, 1_000)),
    ("tcp_echo", "conns_64", CONNECTIONS, driven(tcp_echo)),
]


def measure_slice(measure, run, length):
    """Nanoseconds per iteration, over about `length` nanoseconds after a warm-up. One that takes far longer is done once."""
    iterations = 1
    while (time := measure(run, iterations)) < length / 4:
        iterations *= 2
    if time > 2 * length:
        return time / iterations
    iterations = int(length * iterations / time) + 1
    return measure(run, iterations) / iterations


def rows(launch, slices, length):
    loops = [("asyncio", asyncio.run)]
    if uvloop:
        loops.append(("uvloop", uvloop.run))
    for group, workload, operations, measure in WORKLOADS:
        for number in range(slices):
            for turn in range(len(loops)):
                name, run = loops[(launch + number + turn) % len(loops)]
                value = measure_slice(measure, run, length) / operations
                yield group, workload, name, 1, launch, number, "ns", value, "", "", ""
        if not uvloop:
            reason = "uvloop is not installed"
            yield group, workload, "uvloop", 1, launch, 0, "ns", "", "", "", reason


def main():
    launch, slices, milliseconds = map(int, sys.argv[1:])
    versions = f"Python {platform.python_version()}"
    if uvloop:
        versions += f", uvloop {uvloop.__version__}"
    print(f"worlds: {versions}", file=sys.stderr)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerows(rows(launch, slices, milliseconds * 1_000_000))


if __name__ == "__main__":
    main()
