import Glibc

/// Standard input, output and error as they were given to this process.
enum Terminal {
    static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    static var isInput: Bool { isatty(STDIN_FILENO) == 1 }
    static var isOutput: Bool { isatty(STDOUT_FILENO) == 1 }
    static var isError: Bool { isatty(STDERR_FILENO) == 1 }

    /// Columns and rows of the terminal, `COLUMNS` and `LINES` first; 80 × 24 when there is none.
    static var size: (columns: Int, rows: Int) {
        var window = winsize()
        let isKnown = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &window) == 0
        func number(_ name: String, _ measured: UInt16, _ otherwise: Int) -> Int {
            if let text = environment(name), let value = Int(text), value > 0 { return value }
            return isKnown && measured > 0 ? Int(measured) : otherwise
        }
        return (number("COLUMNS", window.ws_col, 80), number("LINES", window.ws_row, 24))
    }

    /// Whether the locale says UTF-8. Without any locale at all it is taken for granted: a
    /// container without settings has a modern terminal before it more often than not.
    static var isUnicode: Bool {
        for name in ["LC_ALL", "LC_CTYPE", "LANG"] {
            if let value = environment(name), !value.isEmpty {
                let folded = value.lowercased()
                return folded.contains("utf-8") || folded.contains("utf8")
            }
        }
        return true
    }

    static func write(_ text: String) {
        writeAll(text, to: STDOUT_FILENO)
    }

    static func writeLine(_ text: String) {
        writeAll(text + "\n", to: STDOUT_FILENO)
    }

    static func writeError(_ text: String) {
        writeAll(text, to: STDERR_FILENO)
    }

    static func writeErrorLine(_ text: String) {
        writeAll(text + "\n", to: STDERR_FILENO)
    }

    static func write(_ bytes: [UInt8]) {
        writeAll(bytes, to: STDOUT_FILENO)
    }

    /// One line from standard input without its end; nil at its end.
    static func readLine() -> String? {
        Swift.readLine(strippingNewline: true)
    }

    private static func writeAll(_ text: String, to number: Int32) {
        writeAll(Array(text.utf8), to: number)
    }

    private static func writeAll(_ bytes: [UInt8], to number: Int32) {
        var bytes = bytes[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            // A reader that went away (`| head`) has all it wanted.
            guard count > 0 else { _exit(errno == EPIPE ? 0 : CommandStatus.failed.rawValue) }
            bytes = bytes.dropFirst(count)
        }
    }
}
