import Glibc

/// What is written when the operator interrupts the program, by a handler that may do no more
/// than write and leave.
enum Interruption {
    /// By convention: 128 and the number of SIGINT.
    static let status: Int32 = 130

    /// What the handler writes and where to. Set before the handler is installed, and never freed.
    nonisolated(unsafe) private static var text: UnsafeMutableBufferPointer<UInt8>?
    nonisolated(unsafe) private static var stream: Int32 = STDERR_FILENO

    /// From now on an interruption writes this and ends the program.
    static func onInterrupt(write text: String, to stream: Int32) {
        let bytes = Array(text.utf8)
        let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
        _ = buffer.initialize(from: bytes)
        self.text = buffer
        self.stream = stream
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number) { _ in
                if let text = Interruption.text {
                    _ = Glibc.write(Interruption.stream, text.baseAddress, text.count)
                }
                _exit(Interruption.status)
            }
        }
    }

    static func endHandling() {
        for number in [SIGINT, SIGTERM, SIGHUP] { signal(number, SIG_DFL) }
    }
}
