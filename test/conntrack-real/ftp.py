"""An FTP client's commands over the loopback device: the helper leaves an expectation of each. Both ends close without a word."""
import socket
import time

server = socket.create_server(('10.0.0.2', 21))
client = socket.create_connection(('10.0.0.2', 21), source_address=('10.0.0.1', 40000))
end, _ = server.accept()
for line, way in ((b'220 hello\r\n', end), (b'PORT 10,0,0,1,200,10\r\n', client), (b'200 fine\r\n', end), (b'EPRT |1|10.0.0.1|51300|\r\n', client)):
    way.sendall(line)
    time.sleep(0.03)
for s in (client, end):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
