"""A TCP forwarder between two network namespaces: forwarder.py PORT HOST:PORT NETNS

A socket belongs to the namespace that it was made in, whoever uses it later. So the listening
socket is made on the host, and the same process then enters the other namespace with the socket in
its hand: what it accepts comes from the host, what it connects to is inside.
"""
import asyncio
import os
import resource
import socket
import sys


def enter(port, target, netns):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen(4096)
    sock.set_inheritable(True)
    os.execvp("nsenter", ["nsenter", f"--net={netns}", "--", sys.executable, __file__,
                          "--socket", str(sock.fileno()), target])


async def pump(reader, writer):
    """Moves bytes until one side ends, and passes on that it ended: the other may still speak."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.transport.abort()


async def serve(sock, host, port):
    async def client(reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.transport.abort()
            return
        for w in (writer, far_writer):
            w.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        far_writer.close()
        writer.close()

    server = await asyncio.start_server(client, sock=sock, backlog=4096)
    print("listening on", sock.getsockname()[1], flush=True)
    await server.serve_forever()


def main():
    if sys.argv[1] != "--socket":
        enter(int(sys.argv[1]), *sys.argv[2:])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    host, _, port = sys.argv[3].rpartition(":")
    asyncio.run(serve(socket.socket(fileno=int(sys.argv[2])), host, int(port)))


main()
