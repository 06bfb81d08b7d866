internal import NIOSSL
internal import NIOPosix
