#!/usr/bin/env python3
"""Load on `stylegan serve` over loopback: what is answered, sent away and lost, how long it takes, and what memory it costs.

    cargo build --release --package stylegan-tools
    python3 benches/serve/load.py target/release/stylegan                # prints a markdown table
    python3 benches/serve/load.py --network FILE --requests 1000 target/release/stylegan

Python's standard library only. Every case starts a server of its own. "Lost" is a request that was neither answered nor was its client
the one that gave up: it has to be 0, and the exit status says whether it is.
"""

import argparse
import asyncio
import re
import signal
import sys
import time

# A random face is rendered every time; at its smallest, so that encoding and the network are not what is measured.
TARGET = "/random?size={size}"


class Server:
    def __init__(self, arguments, *flags):
        network = ["--network", arguments.network] if arguments.network else []
        self.command = [arguments.stylegan, "serve", "--addr", "127.0.0.1:0", *network, *flags]

    async def __aenter__(self):
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(*self.command, stdout=pipe, stderr=asyncio.subprocess.DEVNULL)
        while line := (await self.process.stdout.readline()).decode():
            if found := re.match(r"listening on http://127\.0\.0\.1:(\d+)/", line):
                self.port = int(found[1])
                break
        else:
            sys.exit(f"{' '.join(self.command)} did not start")
        body = (await self.get("/network"))[2]
        self.target = TARGET.format(size=re.findall(rb'"sizes":\[([\d,]+)', body)[0].split(b",")[-1].decode())
        return self

    async def __aexit__(self, *_):
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        if await self.process.wait() != 0:
            sys.exit(f"the server ended with {self.process.returncode}")

    async def open(self):
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def get(self, target, stream=None):
        """Status, seconds and body; status 0 when the connection ended without an answer."""
        start = time.perf_counter()
        try:
            reader, writer = stream or await self.open()
            writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(re.search(rb"content-length: (\d+)", head)[1])
            body = await reader.readexactly(length)
            if stream is None:
                writer.close()
            return int(head.split()[1]), time.perf_counter() - start, body
        except (OSError, asyncio.IncompleteReadError):
            return 0, time.perf_counter() - start, b""

    async def metric(self, name):
        text = (await self.get("/metrics"))[2].decode()
        found = re.findall(rf"^{re.escape(name)} (\S+)$", text, re.M)
        return float(found[0]) if found else 0.0

    async def until(self, name, value):
        for _ in range(600):
            if await self.metric(name) == value:
                return
            await asyncio.sleep(0.1)
        sys.exit(f"{name} never became {value}")


async def requests(server, clients, count):
    """`count` requests by `clients` that each ask again as soon as they have an answer; (status, seconds) of each."""
    left = iter(range(count))
    results = []

    async def client():
        stream = await server.open()
        for _ in left:
            status, seconds, _ = await server.get(server.target, stream)
            results.append((status, seconds))
            if status == 0:
                stream = await server.open()
            if status == 503:
                # Sooner than Retry-After asks for, but not at once.
                await asyncio.sleep(0.1)

    await asyncio.gather(*(client() for _ in range(clients)))
    return results


def row(name, results, remark):
    answered = sorted(seconds for status, seconds in results if status == 200)
    rejected = sum(status in (503, 504) for status, _ in results)
    lost = len(results) - len(answered) - rejected
    at = lambda share: f"{1000 * answered[min(len(answered) - 1, int(share * len(answered)))]:.0f}" if answered else "-"
    print(f"| {name} | {len(results)} | {len(answered)} | {rejected} | {lost} | {at(0.5)} | {at(0.99)} | {remark} |", flush=True)
    return lost


async def steady(arguments):
    async with Server(arguments) as server:
        start = time.perf_counter()
        results = await requests(server, 4, arguments.few)
        return row("steady, 4 clients", results, f"{len(results) / (time.perf_counter() - start):.1f} per second")


async def overload(arguments):
    async with Server(arguments, "--queue", "16") as server:
        return row("overload: 64 clients, room for 16", await requests(server, 64, 4 * arguments.few), "rejected with 503 and Retry-After")


async def slow(arguments):
    async with Server(arguments) as server:
        streams = [await server.open() for _ in range(100)]
        for _, writer in streams:
            writer.write(b"GET /random HTTP/1.1\r\nHost: localh")
        results = await requests(server, 4, arguments.few)
        start = time.perf_counter()
        ends = await asyncio.gather(*(asyncio.wait_for(reader.read(), 60) for reader, _ in streams))
        assert not any(end.startswith(b"HTTP/1.1 200") for end in ends)
        remark = f"beside 100 clients that never finish their head, cut off after {time.perf_counter() - start:.0f} s more"
        lost = row("slow clients", results, remark)
        await server.until("stylegan_connections", 1)
        return lost


async def half_closed(arguments):
    async with Server(arguments) as server:
        streams = [await server.open() for _ in range(50)]
        for _, writer in streams:
            writer.write(f"GET {server.target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            writer.write_eof()
        ends = await asyncio.gather(*(asyncio.wait_for(reader.read(), 60) for reader, _ in streams))
        answered = sum(end.startswith(b"HTTP/1.1 200") for end in ends)
        await server.until("stylegan_queue_length", 0)
        remark = f"after 50 clients that closed their sending side at once ({answered} answered, {50 - answered} treated as gone)"
        return row("half-closed", await requests(server, 4, arguments.few), remark)


async def killed(arguments):
    async with Server(arguments) as server:
        hung_up = 'stylegan_requests_total{method="GET",route="/random",status="499"}'
        streams = [await server.open() for _ in range(60)]
        for _, writer in streams:
            writer.write(f"GET {server.target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await asyncio.sleep(0.3)
        for _, writer in streams:
            writer.transport.abort()
        await server.until("stylegan_queue_length", 0)
        await server.until("stylegan_connections", 1)
        remark = f"after 60 clients that were killed: {await server.metric(hung_up):.0f} noticed, {await server.metric('stylegan_jobs_abandoned_total'):.0f} not rendered"
        return row("killed mid-request", await requests(server, 4, arguments.few), remark)


async def stopped(arguments):
    async with Server(arguments) as server:
        asked = [asyncio.create_task(server.get(server.target)) for _ in range(16)]
        # All of them are taken: what is not yet answered waits in the queue or is being rendered.
        await asyncio.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        return row("SIGTERM meanwhile", [(status, seconds) for status, seconds, _ in await asyncio.gather(*asked)], "16 taken, then the signal")


async def long(arguments):
    async with Server(arguments) as server:
        first = await requests(server, 8, arguments.requests // 10)
        memory = await server.metric("stylegan_resident_memory_bytes")
        rest = await requests(server, 8, arguments.requests - len(first))
        grown = await server.metric("stylegan_resident_memory_bytes") - memory
        remark = f"{memory / 2**20:.1f} MiB after {len(first)} requests, {grown / 2**20:+.1f} MiB after {len(rest)} more"
        return row("memory, 8 clients", first + rest, remark)


async def batching(arguments):
    speeds, lost = [], 0
    for batch in (1, 2, 4, 8):
        async with Server(arguments, "--batch", str(batch)) as server:
            await requests(server, 16, 32)
            start = time.perf_counter()
            results = await requests(server, 16, arguments.few)
            speeds.append(len(results) / (time.perf_counter() - start))
            remark = f"{speeds[-1]:.1f} per second, {speeds[-1] / speeds[0]:.2f} of --batch 1"
            lost += row(f"--batch {batch}, 16 clients", results, remark)
    return lost


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stylegan", help="the program")
    parser.add_argument("--network", help="a network instead of the built-in one")
    parser.add_argument("--requests", type=int, default=10_000, help="of the case that looks at memory")
    parser.add_argument("--few", type=int, default=200, help="of the others")
    arguments = parser.parse_args()
    print("| case | requests | answered | rejected | lost | p50 ms | p99 ms | remark |\n|---|---|---|---|---|---|---|---|")
    lost = [await case(arguments) for case in (steady, overload, slow, half_closed, killed, stopped, batching, long)]
    sys.exit(1 if sum(lost) else 0)


asyncio.run(main())
