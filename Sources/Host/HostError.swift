import CHost

/// What the operating system refused, or what was found on this machine that must not be trusted.
public struct HostError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was being tried, in a few words: `open`, `lock`, `read secret`.
    public var what: String
    public var path: String?
    /// The `errno` of the system call, or 0 when the refusal is our own.
    public var code: Int32
    /// Why, and how it is mended.
    public var reason: String

    /// A refusal of our own.
    public init(_ what: String, path: String? = nil, reason: String) {
        self.what = what
        self.path = path
        self.code = 0
        self.reason = reason
    }

    /// A refusal of the system.
    public init(_ what: String, path: String? = nil, code: Int32) {
        self.what = what
        self.path = path
        self.code = code
        self.reason = HostError.text(of: code)
    }

    /// The system's words for an error number.
    public static func text(of code: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 128)
        return buffer.withUnsafeMutableBufferPointer { bytes in
            muster_error_text(code, bytes.baseAddress!, bytes.count)
            return String(cString: bytes.baseAddress!)
        }
    }

    public var description: String {
        guard let path else { return "\(what): \(reason)" }
        return "\(what) \(path): \(reason)"
    }
}
