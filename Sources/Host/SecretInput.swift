import Glibc

/// A secret that somebody types, or pipes in.
public enum SecretInput {
    /// One line from standard input without its end; nil at its end. On a terminal it is asked for and
    /// not shown.
    public static func readLine(prompt: String) -> String? {
        var settings = termios()
        guard tcgetattr(STDIN_FILENO, &settings) == 0 else { return Swift.readLine() }
        say(prompt)
        var silent = settings
        silent.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
        let line = Swift.readLine()
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
        say("\n")
        return line
    }

    private static func say(_ text: String) {
        _ = Array(text.utf8).withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
