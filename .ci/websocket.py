"""A WebSocket client through headcount: websocket.py PORT TLS_PORT COMMAND…

Starts a server that echoes, and COMMAND with that server's URL as its last word, which listens at both
ports. Each case of frames, with what it should lead to or not (in the order of Autobahn's test suite,
which itself needs Python 2), is sent to the server directly and through headcount, at once and byte by
byte: the answers must be the same to the last byte. Then a client of the usual kind has its own way."""

import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import zlib

from websockets.sync.client import connect
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Message, Ping, Request
from wsproto.extensions import PerMessageDeflate

KEY = b"\x12\x34\x56\x78"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode, payload=b"", end=True, bits=0, masked=True):
    first = (0x80 if end else 0) | bits << 4 | opcode
    mask = 0x80 if masked else 0
    if len(payload) < 126:
        head = struct.pack("!BB", first, mask | len(payload))
    elif len(payload) < 65536:
        head = struct.pack("!BBH", first, mask | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, mask | 127, len(payload))
    if not masked:
        return head + payload
    pad = (KEY * (len(payload) // 4 + 1))[: len(payload)]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")
    return head + KEY + number.to_bytes(len(payload), "big")


def close(code, reason=b""):
    return frame(CLOSE, struct.pack("!H", code) + reason)


def deflated(payload):
    coder = zlib.compressobj(wbits=-15)
    return (coder.compress(payload) + coder.flush(zlib.Z_SYNC_FLUSH))[:-4]


def cases():
    """Name and frames. All that leave the connection open are followed by a close."""
    for opcode, byte in ((TEXT, b"*"), (BINARY, b"\xfe")):
        for size in (0, 125, 126, 127, 128, 65535, 65536, 1 << 20):
            yield f"1: opcode {opcode}, {size} bytes", frame(opcode, byte * size)
    for size in (0, 5, 125, 126):
        yield f"2: a ping of {size} bytes", frame(PING, b"\xfe" * size)
    yield "2: a pong that nobody asked for", frame(PONG, b"a") + frame(PING, b"b")
    yield "2: ten pings", b"".join(frame(PING, bytes([n])) for n in range(10))
    for bits in range(1, 8):
        yield f"3: reserved bits {bits}", frame(TEXT, b"a") + frame(TEXT, b"b", bits=bits)
    for opcode in (*range(3, 8), *range(11, 16)):
        yield f"4: opcode {opcode}", frame(TEXT, b"a") + frame(opcode, b"b")
    yield "5: a ping in fragments", frame(PING, b"a", end=False) + frame(0, b"b")
    yield "5: two fragments", frame(TEXT, b"a", end=False) + frame(0, b"b")
    yield "5: a ping between", frame(TEXT, b"a", end=False) + frame(PING, b"c") + frame(0, b"b")
    yield "5: a rest of nothing", frame(0, b"a") + frame(TEXT, b"b")
    yield "5: a beginning twice", frame(TEXT, b"a", end=False) + frame(TEXT, b"b")
    text = "κόσμε-äöü-😀".encode()
    yield "6: UTF-8", frame(TEXT, text)
    yield "6: UTF-8, byte by byte", b"".join(
        frame(TEXT if n == 0 else 0, text[n : n + 1], end=n + 1 == len(text))
        for n in range(len(text))
    )
    for bad in (b"\xce", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"a\xffb"):
        yield f"6: {bad!r}", frame(TEXT, bad)
    yield "7: a close, and then more", close(1000) + frame(TEXT, b"a")
    yield "7: an empty close", frame(CLOSE)
    yield "7: a close of one byte", frame(CLOSE, b"a")
    yield "7: a reason", close(1000, b"*" * 123)
    yield "7: a reason that is too long", close(1000, b"*" * 124)
    yield "7: a reason that is no UTF-8", close(1000, b"\xff")
    for code in (1000, 1001, 1002, 1003, 1007, 1011, 3000, 3999, 4000, 4999):
        yield f"7: code {code}", close(code)
    for code in (0, 999, 1004, 1005, 1006, 1015, 2000, 2999, 5000, 65535):
        yield f"7: code {code}, which is none", close(code)
    yield "8: no mask", frame(TEXT, b"a", masked=False)
    yield "9: 4 MB in fragments", b"".join(
        frame(BINARY if n == 0 else 0, b"x" * 65536, end=n == 63) for n in range(64)
    )
    for size in (0, 5, 65536):
        yield f"12: {size} bytes, compressed", frame(TEXT, deflated(b"a" * size), bits=4)
    yield "12: what does not decompress", frame(TEXT, b"\xff\xff\xff", bits=4)


def told(to, sent, pieces, tls):
    """What the server says to these frames after its handshake, to its end."""
    stream = socket.create_connection(to)
    stream.settimeout(20)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls:
        stream = tls.wrap_socket(stream, server_hostname="localhost")
    stream.sendall(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += stream.recv(1)
    assert b" 101 " in head and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head, head
    # The server answers a message once it has all of it: nothing large comes meanwhile.
    try:
        for piece in pieces(sent):
            stream.sendall(piece)
    except OSError:
        pass  # It was refused before all of it was there.
    answer = b""
    try:
        while piece := stream.recv(65536):
            answer += piece
    except ConnectionResetError:
        pass  # The end, where the server has not read all.
    stream.close()
    return answer


def at_once(sent):
    return [sent]


def byte_by_byte(sent):
    # Of the large ones the beginning and the end.
    edge = 300
    return [sent[n : n + 1] for n in range(edge)] + (
        [sent[edge:-edge]] + [sent[n : n + 1] for n in range(max(edge, len(sent) - edge), len(sent))]
        if len(sent) > 2 * edge
        else [sent[n : n + 1] for n in range(edge, len(sent))]
    )


def echo(stream):
    """Answers one connection. What it says depends on the bytes alone, and not on how they come."""
    connection, message, ended = WSConnection(ConnectionType.SERVER), [], False
    while not ended and (some := stream.recv(65536)):
        connection.receive_data(some)
        answer = b""
        for event in connection.events():
            if isinstance(event, Request):
                answer += connection.send(AcceptConnection(extensions=[PerMessageDeflate()]))
            elif isinstance(event, Message):
                message.append(event.data)
                if event.message_finished:
                    whole = type(event.data)().join(message)
                    answer += connection.send(type(event)(whole))
                    message = []
            elif isinstance(event, Ping):
                answer += connection.send(event.response())
            elif isinstance(event, CloseConnection):
                # Without the reason, which may tell of a byte's place in its piece.
                answer += connection.send(CloseConnection(code=event.code))
                ended = True
                break
        stream.sendall(answer)
    stream.shutdown(socket.SHUT_WR)
    while stream.recv(65536):
        pass


def answer(stream):
    try:
        echo(stream)
    except OSError:
        pass  # The client is gone.
    finally:
        stream.close()


def serve(listener):
    while True:
        stream, _ = listener.accept()
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=answer, args=[stream], daemon=True).start()


def usual(url, trusted):
    with connect(url, ssl=trusted, max_size=None) as client:
        for message in ("", "hello", "κόσμε", b"\0\xff", "x" * (1 << 20), bytes(1 << 20)):
            client.send(message)
            assert client.recv() == message, (url, len(message))
        assert client.ping().wait(10), url
        client.send(["in ", "three ", "pieces"])
        assert client.recv() == "in three pieces", url


def main():
    port, tls_port, *command = sys.argv[1:]
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=[listener], daemon=True).start()
    direct = listener.getsockname()
    proxy = subprocess.Popen([*command, f"http://127.0.0.1:{direct[1]}"])
    try:
        trusted = ssl.create_default_context(cafile=os.environ["TRUSTED"])
        plain, encrypted = ("127.0.0.1", int(port)), ("localhost", int(tls_port))
        for at in (plain, encrypted):
            while True:
                try:
                    socket.create_connection(at).close()
                    break
                except OSError:
                    assert proxy.poll() is None, "headcount has ended"
                    time.sleep(0.1)
        faults, count = [], 0
        for name, sent in cases():
            sent += close(1000)
            for pieces in (at_once, byte_by_byte):
                expected = told(direct, sent, pieces, None)
                for through, tls in ((plain, None), (encrypted, trusted)):
                    count += 1
                    if (got := told(through, sent, pieces, tls)) != expected:
                        faults.append(f"{name}, {pieces.__name__}: {got[:60]!r}, {expected[:60]!r}")
        usual(f"ws://127.0.0.1:{port}", None)
        usual(f"wss://localhost:{tls_port}", trusted)
        print("\n".join(faults) or f"{count} cases are the same")
        sys.exit(1 if faults else 0)
    finally:
        proxy.terminate()
        proxy.wait()


main()
