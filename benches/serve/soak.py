#!/usr/bin/env python3
"""serve under mixed load for a long time, with faults injected: benches/serve/soak.py STYLEGAN [MINUTES] [serve's arguments].

Faults: a device lost at the 500th picture, clients killed in the middle of a request and of an answer, heads that never end, bodies that
break off, requests that are wrong. Lost is a request that was sent whole and got no whole answer. Only the standard library is used.
"""
import http.client, os, random, re, socket, struct, subprocess, sys, threading, time

binary, minutes = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 60
arguments = sys.argv[3:]
server = subprocess.Popen([binary, "serve", "--addr", "127.0.0.1:0", "--lose-device-at", "500", *arguments], stdout=subprocess.PIPE, text=True)
for line in server.stdout:
    if found := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
        break
port = int(found.group(1))
end = time.time() + 60 * minutes
lock = threading.Lock()
counts, times, lost, memory = {}, [], [], []


def count(what):
    with lock:
        counts[what] = counts.get(what, 0) + 1


def ask(method, target, body=None):
    begun = time.time()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request(method, target, body)
        answer = connection.getresponse()
        data = answer.read()
        count(answer.status)
        if answer.status == 503:
            time.sleep(0.1)
        if answer.status == 200 and target.startswith("/image"):
            with lock:
                times.append(time.time() - begun)
        return answer.status, data
    except Exception as error:
        with lock:
            lost.append(f"{method} {target}: {error!r}")
    finally:
        connection.close()


def client(number):
    pick = random.Random(number)
    seed = lambda: pick.randrange(2**32)
    while time.time() < end:
        kind = pick.random()
        if kind < 0.55:
            ask("GET", f"/image?seed={seed()}&trunc={pick.uniform(-1, 1):.2f}")
        elif kind < 0.65:
            ask("GET", f"/random?format={pick.choice(['png', 'webp', 'jpg'])}")
        elif kind < 0.75:
            ask("GET", f"/mix?seed={seed()}&with={seed()}&layers=0-1")
        elif kind < 0.8:
            ask("GET", f"/morph?seed={seed()}&to={seed()}&t=0.5&noise=random")
        elif kind < 0.85:
            status, rows = ask("GET", f"/ws?seed={seed()}") or (0, b"")
            if status == 200:
                ask("POST", "/image", b'{"ws":' + re.search(rb'"ws":(.*)}', rows).group(1) + b"}")
        elif kind < 0.87:
            # A png comes in chunks, while it is drawn.
            ask("GET", f"/video?seeds={seed()},{seed()}&frames=3&format={pick.choice(['webp', 'gif', 'png'])}")
        elif kind < 0.93:
            ask("HEAD", f"/image?seed={seed()}")
        else:
            ask("GET", pick.choice(["/image?seed=x", "/nothing", "/image?trunc=NaN", "/metrics", "/network", "/"]))


def nuisance(number):
    """Clients that are killed, or never finish."""
    pick = random.Random(1000 + number)
    while time.time() < end:
        stream = socket.create_connection(("127.0.0.1", port))
        kind = pick.randrange(4)
        text = [
            f"GET /image?seed={pick.randrange(2**32)} HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "GET /image HTTP/1.1\r\nHost: loc",
            "POST /image HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{",
            f"GET /video?seeds=1,{pick.randrange(2**32)}&frames=20&format={pick.choice(['webp', 'png'])} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ][kind]
        try:
            stream.sendall(text.encode())
            time.sleep(pick.uniform(0, 0.5))
            if pick.random() < 0.5:
                # Reset, as the kernel does for a process that is killed with data unread.
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        stream.close()
        count("killed")


def watch():
    page = os.sysconf("SC_PAGE_SIZE")
    while time.time() < end and server.poll() is None:
        with open(f"/proc/{server.pid}/statm") as statm:
            memory.append(int(statm.read().split()[1]) * page / 2**20)
        time.sleep(5)


threads = [threading.Thread(target=client, args=[i]) for i in range(6)] + [threading.Thread(target=nuisance, args=[i]) for i in range(2)]
threads.append(threading.Thread(target=watch))
[thread.start() for thread in threads]
[thread.join() for thread in threads]
alive = server.poll() is None
device = ask("GET", "/metrics") or (0, b"")
opened = re.search(rb"devices_opened_again_total (\d+)", device[1])
server.terminate()
code = server.wait(90)
times.sort()
part = lambda p: 1000 * times[min(len(times) - 1, int(p * len(times)))] if times else 0
quarter = max(1, len(memory) // 4)
middle = lambda values: sorted(values)[len(values) // 2]
print(f"{minutes:g} minutes, {sum(n for k, n in counts.items() if k != 'killed')} requests answered {dict(sorted(counts.items(), key=str))}")
print(f"lost {len(lost)} {lost[:5]}; /image p50 {part(0.5):.0f} ms, p99 {part(0.99):.0f} ms, most {part(1):.0f} ms")
print(f"RSS {middle(memory[:quarter]):.1f} MiB in the first quarter, {middle(memory[-quarter:]):.1f} in the last, {max(memory):.1f} at most")
print(f"device opened again {opened.group(1).decode() if opened else '?'} times; alive at the end: {alive}; exit code {code}")
sys.exit(0 if alive and not lost and code == 0 and middle(memory[-quarter:]) < 1.2 * middle(memory[:quarter]) + 8 else 1)
